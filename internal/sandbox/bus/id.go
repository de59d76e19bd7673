package bus

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// PlainName says whether a name is 1 to most letters, digits, hyphens and
// underscores, all of ASCII, as many services want theirs.
func PlainName(name string, most int) bool {
	return 0 < len(name) && len(name) <= most && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}

// NewUUID makes a random UUID, which is what most services call their things.
func NewUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
