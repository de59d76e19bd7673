package sqs_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"pgregory.net/rapid"
)

// Whatever is sent, received, deleted, given back and waited for: no message is
// lost or doubled, and no group is out of order.
func TestNothingIsLostOrReordered(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		plan := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(r, "plan")
		fifo := rapid.Bool().Draw(r, "fifo")
		var problems []string
		problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
		synctest.Test(t, func(t *testing.T) {
			c := client(t, "instant")
			q := create(t, c, "q")
			if fifo {
				q = create(t, c, "q.fifo", "FifoQueue=true", "ContentBasedDeduplication=true")
			}
			sent, done := 0, map[string]bool{}
			last := map[string]string{}
			var held []types.Message
			finish := func(m types.Message) {
				drop(t, c, q, m)
				if done[*m.Body] {
					problem("%s came twice after it was deleted", *m.Body)
				}
				done[*m.Body] = true
				if g := m.Attributes["MessageGroupId"]; fifo && *m.Body < last[g] {
					problem("%s of group %s came after %s", *m.Body, g, last[g])
				} else if fifo {
					last[g] = *m.Body
				}
			}
			for i, step := range plan {
				switch {
				case step < 5:
					group := ""
					if fifo {
						group = fmt.Sprint("g", step%3)
					}
					send(t, c, q, group, fmt.Sprintf("%04d", i))
					sent++
				case step < 7:
					held = append(held, receive(t, c, q)...)
				case step == 7:
					for _, m := range held {
						finish(m)
					}
					held = nil
				default:
					held = nil
					time.Sleep(30 * time.Second)
				}
			}
			time.Sleep(30 * time.Second)
			for got := receive(t, c, q); len(got) > 0; got = receive(t, c, q) {
				for _, m := range got {
					finish(m)
				}
			}
			if len(done) != sent {
				problem("%d messages were sent and %d came", sent, len(done))
			}
			if left := depth(t, c, q); left != "0 0 0" {
				problem("%s messages are left", left)
			}
		})
		if len(problems) > 0 {
			r.Fatal(strings.Join(problems, "; "))
		}
	})
}
