//go:build !release

package bundle

// embedded is nil: only released binaries carry zips, under the tag release.
func embedded(string) []byte { return nil }
