package connect

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// session is a configuration made by hand: no shared files, no environment, no
// proxies, credentials that open nothing, and a transport that reaches nothing
// but this machine. What is meant for a sandbox can't end up anywhere else.
func (e *SandboxEndpoint) session() (Session, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "http" {
		return Session{}, fault.Usagef("%q is not the address of a sandbox", e.URL)
	}
	if _, err := loopback(u.Hostname()); err != nil {
		return Session{}, fault.As(fault.Usage, err, "a sandbox runs on this machine only: start one with 'ccsctl sandbox start'")
	}
	return Session{
		Config: aws.Config{
			Region:                     e.Region,
			Credentials:                credentials.NewStaticCredentialsProvider("sandbox", "sandbox", ""),
			BaseEndpoint:               &e.URL,
			HTTPClient:                 &http.Client{Transport: wholeAnswers{loopbackOnly()}, CheckRedirect: refuseRedirects},
			RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
			AccountIDEndpointMode:      aws.AccountIDEndpointModeDisabled,
		},
		Endpoint:  "sandbox " + e.URL,
		PathStyle: true,
	}, nil
}

// loopbackOnly is a transport that knows no proxy and dials only this machine.
func loopbackOnly() *http.Transport {
	return &http.Transport{
		MaxIdleConns:        idleConnections,
		MaxIdleConnsPerHost: idleConnections,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			ip, err := loopback(host)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		},
	}
}

// loopback is the address of a host that is this machine by its name alone:
// nothing is asked of a name server.
func loopback(host string) (netip.Addr, error) {
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return netip.Addr{}, fmt.Errorf("%q is not this machine: a sandbox session reaches nothing else", host)
	}
	return ip, nil
}

// refuseRedirects because a sandbox never redirects.
func refuseRedirects(r *http.Request, _ []*http.Request) error {
	return fmt.Errorf("the sandbox redirects to %s, which is not followed", r.URL.Host)
}
