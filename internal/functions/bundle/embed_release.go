//go:build release

package bundle

import _ "embed"

//go:embed zips/bootstrap-arm64.zip
var embeddedARM64 []byte

//go:embed zips/bootstrap-amd64.zip
var embeddedAMD64 []byte

// embedded is the zip that this binary was released with.
func embedded(arch string) []byte {
	if arch == ARM64 {
		return embeddedARM64
	}
	return embeddedAMD64
}
