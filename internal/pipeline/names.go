package pipeline

import "fmt"

// names computes the names and ARNs of the pipeline's things, so that a plan is
// whole before anything exists.
type names struct {
	base      string // <project>-<environment>
	partition string
	region    string
	account   string
}

func (n names) name(what string) string { return n.base + "-" + what }

func (n names) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", n.partition, service, n.region, n.account, resource)
}

func (n names) stream() string { return n.arn("kinesis", "stream/"+n.name("telemetry")) }

func (n names) queue(what string) string { return n.arn("sqs", n.name(what)) }

// queueURL is what SQS takes as a queue's address. It is data to the service,
// not an endpoint: requests go to whatever endpoint the client has.
func (n names) queueURL(what string) string {
	return fmt.Sprintf("https://sqs.%s.%s/%s/%s", n.region, n.suffix(), n.account, n.name(what))
}

// suffix is the partition's domain.
func (n names) suffix() string {
	if n.partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func (n names) topic(what string) string { return n.arn("sns", n.name(what)) }

func (n names) machine() string { return n.arn("states", "stateMachine:"+n.name("emergency")) }

func (n names) logGroup(group string) string { return n.arn("logs", "log-group:"+group) }

func (n names) functionLogs(what string) string { return "/aws/lambda/" + n.name(what) }

func (n names) deliveryLogs() string { return "/aws/kinesisfirehose/" + n.name("data-lake") }

// rolePath groups the roles of all pipelines, for policies of iam:PassRole and
// for the sweep.
const rolePath = "/ccsctl/"

// role carries the region: role names are the account's, not the region's.
func (n names) role(what string) string { return n.name(what) + "-" + n.region }

func (n names) roleARN(what string) string {
	return fmt.Sprintf("arn:%s:iam::%s:role%s%s", n.partition, n.account, rolePath, n.role(what))
}

func (n names) root() string { return fmt.Sprintf("arn:%s:iam::%s:root", n.partition, n.account) }

func (n names) bucket(name string) string { return fmt.Sprintf("arn:%s:s3:::%s", n.partition, name) }
