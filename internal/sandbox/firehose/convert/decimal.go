package convert

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// mostDigits is the highest precision of Hive's decimals.
const mostDigits = 38

// decimal gives the precision and scale of decimal, decimal(p) and decimal(p,s).
func (t hive) decimal() (precision, scale int, err error) {
	switch len(t.bounds) {
	case 0:
		precision = 10
	case 1:
		precision = t.bounds[0]
	case 2:
		precision, scale = t.bounds[0], t.bounds[1]
	}
	if precision < 1 || precision > mostDigits || scale < 0 || scale > precision {
		return 0, 0, fmt.Errorf("no decimal has %v digits", t.bounds)
	}
	return precision, scale, nil
}

// decimalSize is how many bytes all unscaled values of so many digits need, as
// Hive's writer takes them.
func decimalSize(precision int) int {
	largest := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return largest.Sub(largest, big.NewInt(1)).BitLen()/8 + 1
}

// unscaled reads a number as a decimal: a big-endian two's complement of as many
// bytes as the precision needs. Digits beyond the scale are rounded half up, as
// Hive does; ok is false for a number that has too many before the point.
func unscaled(text string, precision, scale int) (value []byte, ok bool) {
	digits, negative := strings.CutPrefix(text, "-")
	digits, power, scientific := strings.Cut(strings.ToLower(digits), "e")
	exponent := 0
	if scientific {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent < -10_000 || exponent > 10_000 {
			return nil, false
		}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, false
	}
	digits = strings.TrimLeft(whole+fraction, "0")
	up := false
	switch shift := exponent + scale - len(fraction); {
	case digits == "" || -shift > len(digits):
		digits = ""
	case shift < 0:
		kept := len(digits) + shift
		up = digits[kept] >= '5'
		digits = digits[:kept]
	case len(digits)+shift > precision:
		return nil, false
	default:
		digits += strings.Repeat("0", shift)
	}
	if len(digits) > precision {
		return nil, false
	}
	n, _ := new(big.Int).SetString("0"+digits, 10)
	if up {
		n.Add(n, big.NewInt(1))
	}
	if len(n.String()) > precision {
		return nil, false
	}
	value = make([]byte, decimalSize(precision))
	if negative && n.Sign() > 0 {
		n.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*len(value))), n)
	}
	return n.FillBytes(value), true
}
