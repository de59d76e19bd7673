package resource

import (
	"fmt"
	"time"
)

// Duration writes a setting of whole seconds the way people say it: in the
// largest unit that needs no fraction, "90 s", "15 min", "24 h", "14 days".
// Up to two days it stays with hours, which is how retention is spoken of.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d > 2*day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return fmt.Sprintf("%d s", d/time.Second)
	}
}
