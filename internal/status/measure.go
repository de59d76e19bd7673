package status

// Known reports whether there is a value.
func (m Measure) Known() bool { return m.Value != nil }

// Over reports whether the value is beyond its limit.
func (m Measure) Over() bool { return m.Value != nil && m.Limit != nil && *m.Value > *m.Limit }

// OfLimit is the value as a share of its limit, and false when there is no
// value or no limit to speak of.
func (m Measure) OfLimit() (share float64, ok bool) {
	if m.Value == nil || m.Limit == nil || *m.Limit <= 0 {
		return 0, false
	}
	return *m.Value / *m.Limit, true
}
