package s3

import (
	"bytes"
	"fmt"
	"testing"
)

// Whatever arrives, unframing ends, makes nothing up, and gives back what was
// framed.
func FuzzUnframe(f *testing.F) {
	f.Add([]byte("3;chunk-signature=ab\r\nabc\r\n0;chunk-signature=cd\r\n\r\n"))
	f.Add([]byte("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"))
	f.Add([]byte("7fffffff\r\nabc"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if data, _, err := unframe(body); err == nil && len(data) > len(body) {
			t.Errorf("%d bytes out of %d", len(data), len(body))
		}
		framed := append(fmt.Appendf(nil, "%x\r\n", len(body)), body...)
		framed = append(framed, "\r\n0\r\na: b\r\n\r\n"...)
		if len(body) == 0 {
			return // a frame of size 0 is the end
		}
		data, trailer, err := unframe(framed)
		if err != nil || !bytes.Equal(data, body) || trailer.Get("A") != "b" {
			t.Errorf("got %q, %v, %v", data, trailer, err)
		}
	})
}
