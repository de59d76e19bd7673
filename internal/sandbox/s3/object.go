package s3

import (
	"encoding/xml"
	"maps"
	"net/http"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// metadataWriter answers with the names of an object's own metadata in lower
// case, as S3 does; clients such as boto3 take them as they come ("Working with
// object metadata", S3 guide).
type metadataWriter struct{ http.ResponseWriter }

func (w metadataWriter) WriteHeader(status int) {
	w.lower()
	w.ResponseWriter.WriteHeader(status)
}

func (w metadataWriter) Write(b []byte) (int, error) {
	w.lower()
	return w.ResponseWriter.Write(b)
}

func (w metadataWriter) lower() {
	h := w.Header()
	for name, values := range maps.Clone(h) {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// minPart is the least that a part but the last may hold, in bytes ("Amazon S3
// multipart upload limits", S3 guide).
const minPart = 5 << 20

// completeUpload leaves to the library what has parts of a size that S3 takes.
// Of an upload with more parts than a page of their list has, it looks at these.
func (s *Service) completeUpload(r *request) error {
	var in struct{ Part []struct{ PartNumber int } }
	if err := r.decode(&in); err != nil {
		return err
	}
	sizes, err := s.parts(r)
	if err != nil {
		return err
	}
	for i, p := range in.Part {
		if size, ok := sizes[p.PartNumber]; ok && size < minPart && i < len(in.Part)-1 {
			return wire.Errorf("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		}
	}
	s.objects.ServeHTTP(r.w, r.http)
	return nil
}

// parts are the sizes of an upload's parts by number, none for an upload that
// is not there.
func (s *Service) parts(r *request) (map[int]int64, error) {
	q := r.http.Clone(r.http.Context())
	q.Method, q.Body = http.MethodGet, http.NoBody
	out := s.ask(q)
	if out.status != http.StatusOK {
		return nil, nil // the library refuses the upload in the same way
	}
	var list struct {
		Part []struct {
			PartNumber int
			Size       int64
		}
	}
	if err := xml.Unmarshal(out.body.Bytes(), &list); err != nil {
		return nil, err
	}
	sizes := map[int]int64{}
	for _, p := range list.Part {
		sizes[p.PartNumber] = p.Size
	}
	return sizes, nil
}
