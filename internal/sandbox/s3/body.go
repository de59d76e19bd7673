package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

// largest bounds the body of a request. S3 takes 5 GiB; what is in memory here
// is what a person has on one machine.
const largest = 512 << 20

// read takes the body off the request: out of its aws-chunked frames, and
// checked against the checksums that came with it. The library sees a plain
// request.
func read(r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, largest+1))
	if err != nil {
		return wire.Errorf("IncompleteBody", "The request body terminated unexpectedly")
	}
	if len(body) > largest {
		return wire.Errorf("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	sums := r.Header
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		var trailer http.Header
		if body, trailer, err = unframe(body); err != nil {
			return err
		}
		if want := r.Header.Get("X-Amz-Decoded-Content-Length"); want != strconv.Itoa(len(body)) {
			return wire.Errorf("IncompleteBody", "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header")
		}
		sums = trailer
	}
	if err := verify(body, r.Header, sums); err != nil {
		return err
	}
	plain(r.Header)
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// unframe decodes the aws-chunked encoding, signed or not: frames of
// "<hex size>[;chunk-signature=…]\r\n<data>\r\n", a frame of size 0, and the
// trailing headers ("Signature calculations … including trailing headers", S3
// API ref). Signatures are not checked: a sandbox has no secrets.
func unframe(body []byte) (data []byte, trailer http.Header, err error) {
	bad := wire.Errorf("IncompleteBody", "The request body terminated unexpectedly")
	for {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		if !ok {
			return nil, nil, bad
		}
		hexSize, _, _ := strings.Cut(string(line), ";")
		size, err := strconv.ParseUint(hexSize, 16, 31)
		if err != nil || size > uint64(len(rest)) {
			return nil, nil, bad
		}
		if size == 0 {
			return data, trailers(rest), nil
		}
		data = append(data, rest[:size]...)
		if body, ok = bytes.CutPrefix(rest[size:], []byte("\r\n")); !ok {
			return nil, nil, bad
		}
	}
}

func trailers(text []byte) http.Header {
	h := http.Header{}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if name, value, ok := strings.Cut(string(bytes.TrimSpace(line)), ":"); ok {
			h.Set(name, strings.TrimSpace(value))
		}
	}
	return h
}

// checksums are the algorithms that a header or trailer may carry; the newest
// ones that clients must choose by name are not checked.
var checksums = map[string]func() hash.Hash{
	"X-Amz-Checksum-Crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"X-Amz-Checksum-Crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"X-Amz-Checksum-Crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) },
	"X-Amz-Checksum-Sha1":      sha1.New,
	"X-Amz-Checksum-Sha256":    sha256.New,
}

func verify(body []byte, header, sums http.Header) error {
	if want := header.Get("X-Amz-Content-Sha256"); len(want) == hex.EncodedLen(sha256.Size) {
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != want {
			return wire.Errorf("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	if want := header.Get("Content-Md5"); want != "" {
		if sum := md5.Sum(body); base64.StdEncoding.EncodeToString(sum[:]) != want {
			return wire.Errorf("BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	for name, algorithm := range checksums {
		want := sums.Get(name)
		if want == "" {
			continue
		}
		h := algorithm()
		_, _ = h.Write(body) // never fails
		if base64.StdEncoding.EncodeToString(h.Sum(nil)) != want {
			return wire.Errorf("BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToLower(strings.TrimPrefix(name, "X-Amz-Checksum-")))
		}
	}
	return nil
}

// plain takes away what belongs to the transfer alone: the library would keep
// every x-amz header as the object's metadata and give it back with the object.
func plain(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-") && !strings.HasPrefix(name, "X-Amz-Meta-") && !strings.HasPrefix(name, "X-Amz-Copy-Source") {
			h.Del(name)
		}
	}
	h.Del("Content-Md5")
	var codings []string
	for c := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if c = strings.TrimSpace(c); c != "" && c != "aws-chunked" {
			codings = append(codings, c)
		}
	}
	h.Del("Content-Encoding")
	if len(codings) > 0 {
		h.Set("Content-Encoding", strings.Join(codings, ","))
	}
}
