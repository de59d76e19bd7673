package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/ccs-platform/ccsctl/internal/aws/stream"
)

// kind is what an event is for the functions that read it.
type kind int

const (
	routine  kind = iota // for the data lake alone
	followUp             // tells an owner or a manager
	critical             // tells the authorities
	garbled              // can't be read
	kinds
)

// event is one event on its way.
type event struct {
	stream.Entry
	kind    kind
	vehicle *vehicle
	offered time.Duration // since the run began
	tries   int
}

// vehicle is one simulated vehicle. What it reports follows from its seed, and
// from when it reports.
type vehicle struct {
	id     string
	dice   rand.PCG
	events int           // how many it has made
	seen   time.Duration // when it made the last

	latitude, longitude, heading float64 // degrees
	speed                        float64 // km/h
	fuel                         float64 // percent
	odometer                     float64 // km

	held  []event       // that were refused, in their order
	until time.Duration // when they are tried again
}

func (v *vehicle) init(seed uint64, number int) {
	v.id = fmt.Sprintf("sim-%06d", number)
	v.dice = *rand.NewPCG(seed, uint64(number))
	v.latitude, v.longitude = v.between(47, 54), v.between(6, 15)
	v.heading, v.speed = v.between(0, 360), v.between(0, 110)
	v.fuel, v.odometer = v.between(10, 100), v.between(100, 200_000)
}

func (v *vehicle) between(least, most float64) float64 {
	return least + (most-least)*float64(v.dice.Uint64()>>11)/(1<<53)
}

const (
	kmPerDegree  = 111.2
	fuelPerKM    = 0.12 // percent: a tank lasts 800 km
	longestDrive = 10 * time.Minute
)

// drive moves the vehicle on to a time. What has been silent for long was
// parked most of it.
func (v *vehicle) drive(now time.Duration) {
	hours := min(now-v.seen, longestDrive).Hours()
	v.seen = now
	v.speed = min(max(v.speed+v.between(-9, 9.5), 0), 130)
	v.heading = math.Mod(v.heading+v.between(-15, 15)+360, 360)
	km := v.speed * hours
	north, east := math.Sincos(math.Pi/2 - v.heading*math.Pi/180)
	v.latitude = min(max(v.latitude+km*north/kmPerDegree, 36), 70)
	v.longitude = min(max(v.longitude+km*east/kmPerDegree, -9), 30)
	v.odometer += km
	if v.fuel -= km * fuelPerKM; v.fuel < 4 {
		v.fuel = 100
	}
}

// What happens to vehicles: emergencies, and what is worth telling later.
var (
	emergencies = [...]string{"crash", "airbag", "sos", "fire", "theft"}
	tellings    = [...][2]string{{"harsh_braking", "warning"}, {"geofence", "info"}, {"diagnostic", "warning"}}
)

// report makes the vehicle's next event.
func (v *vehicle) report(o *Options, began time.Time, now time.Duration, garble bool) event {
	v.drive(now)
	v.events++
	e := event{vehicle: v, offered: now}
	what, severity := "position", "info"
	switch roll := v.between(0, 1); {
	case roll < o.Critical:
		e.kind, severity = critical, "critical"
		what = emergencies[int(v.between(0, float64(len(emergencies))))]
	case roll < o.Critical+o.FollowUps:
		e.kind = followUp
		one := tellings[int(v.between(0, float64(len(tellings))))]
		what, severity = one[0], one[1]
	case roll > 0.9:
		what = "diagnostic"
	}
	switch what {
	case "harsh_braking":
		v.speed *= 0.4
	case "crash", "airbag":
		v.speed = 0
	}
	e.Key, e.Data = v.id, v.encode(what, severity, began, now)
	if garble {
		e.kind, e.Data = garbled, spoil(e.Data, v.id, v.events)
	}
	return e
}

func (v *vehicle) encode(what, severity string, began time.Time, now time.Duration) []byte {
	b := make([]byte, 0, 320)
	b = append(b, `{"event_id":"`...)
	b = append(b, v.id...)
	b = append(b, '-')
	b = strconv.AppendInt(b, began.UnixMilli(), 36) // or a second run would alert nobody: its events are known
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(v.events), 10)
	b = append(b, `","vehicle_id":"`...)
	b = append(b, v.id...)
	b = append(b, `","type":"`...)
	b = append(b, what...)
	b = append(b, `","severity":"`...)
	b = append(b, severity...)
	b = append(b, `","occurred_at":"`...)
	b = began.Add(now).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	number := func(name string, value float64, digits int) {
		b = append(b, name...)
		b = strconv.AppendFloat(b, value, 'f', digits, 64)
	}
	number(`","latitude":`, v.latitude, 5)
	number(`,"longitude":`, v.longitude, 5)
	number(`,"speed_kmh":`, v.speed, 1)
	number(`,"heading":`, min(v.heading, 359.9), 1)
	number(`,"battery_volts":`, v.between(12.2, 14.4), 2)
	number(`,"fuel_percent":`, v.fuel, 1)
	number(`,"odometer_km":`, v.odometer, 1)
	return append(b, '}')
}

// spoil makes of an event what nobody can read, in one of several ways. No two
// are the same, so that each can be found again.
func spoil(event []byte, id string, way int) []byte {
	switch way % 3 {
	case 0:
		return event[:len(event)-len(event)/3] // cut off
	case 1:
		return fmt.Appendf(nil, "\x00\x17\xfe%s-%d", id, way)
	default:
		return fmt.Appendf(nil, `{"event_id":"","vehicle_id":%q,"type":"teleport","severity":"%d"}`, id, way)
	}
}
