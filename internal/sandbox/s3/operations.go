package s3

import (
	"net/http"
	"net/url"
	"strings"
)

// subresources are the query parameters that change which operation a request
// is (S3 API ref, "Actions"). All that S3 has are here, so that one which is not
// served is refused by name and never taken for a plain read or write.
var subresources = []string{
	"uploadId", "uploads", "versions", "versioning", "tagging", "encryption", "publicAccessBlock", "ownershipControls",
	"policy", "policyStatus", "lifecycle", "location", "delete", "acl", "cors", "website", "logging", "notification",
	"replication", "requestPayment", "accelerate", "object-lock", "analytics", "metrics", "inventory", "intelligent-tiering",
	"torrent", "restore", "select", "retention", "legal-hold", "attributes", "session", "abac", "metadataConfiguration",
	"metadataTable", "renameObject", "list-type",
}

// level is what a path leads to.
type level int

const (
	account level = iota
	bucketLevel
	objectLevel
)

type route struct {
	level       level
	method      string
	subresource string
}

// operations are the operations served, by where AWS serves them. An operation
// without a handler is the library's.
var operations = map[route]struct {
	name   string
	handle func(*Service, *request) error
}{
	{account, "GET", ""}: {"ListBuckets", nil},

	{bucketLevel, "PUT", ""}:          {"CreateBucket", (*Service).createBucket},
	{bucketLevel, "DELETE", ""}:       {"DeleteBucket", (*Service).deleteBucket},
	{bucketLevel, "HEAD", ""}:         {"HeadBucket", nil},
	{bucketLevel, "GET", ""}:          {"ListObjects", nil},
	{bucketLevel, "GET", "list-type"}: {"ListObjectsV2", nil},
	{bucketLevel, "GET", "location"}:  {"GetBucketLocation", (*Service).getLocation},
	{bucketLevel, "GET", "versions"}:  {"ListObjectVersions", nil},
	{bucketLevel, "GET", "uploads"}:   {"ListMultipartUploads", (*Service).listUploads},
	{bucketLevel, "POST", "delete"}:   {"DeleteObjects", (*Service).deleteObjects},

	{bucketLevel, "GET", "versioning"}: {"GetBucketVersioning", nil},
	{bucketLevel, "PUT", "versioning"}: {"PutBucketVersioning", nil},

	{bucketLevel, "GET", "tagging"}:              {"GetBucketTagging", (*Service).getTagging},
	{bucketLevel, "PUT", "tagging"}:              {"PutBucketTagging", (*Service).putTagging},
	{bucketLevel, "DELETE", "tagging"}:           {"DeleteBucketTagging", (*Service).deleteTagging},
	{bucketLevel, "GET", "encryption"}:           {"GetBucketEncryption", (*Service).getEncryption},
	{bucketLevel, "PUT", "encryption"}:           {"PutBucketEncryption", (*Service).putEncryption},
	{bucketLevel, "DELETE", "encryption"}:        {"DeleteBucketEncryption", (*Service).deleteEncryption},
	{bucketLevel, "GET", "publicAccessBlock"}:    {"GetPublicAccessBlock", (*Service).getAccessBlock},
	{bucketLevel, "PUT", "publicAccessBlock"}:    {"PutPublicAccessBlock", (*Service).putAccessBlock},
	{bucketLevel, "DELETE", "publicAccessBlock"}: {"DeletePublicAccessBlock", (*Service).deleteAccessBlock},
	{bucketLevel, "GET", "ownershipControls"}:    {"GetBucketOwnershipControls", (*Service).getOwnership},
	{bucketLevel, "PUT", "ownershipControls"}:    {"PutBucketOwnershipControls", (*Service).putOwnership},
	{bucketLevel, "DELETE", "ownershipControls"}: {"DeleteBucketOwnershipControls", (*Service).deleteOwnership},
	{bucketLevel, "GET", "policy"}:               {"GetBucketPolicy", (*Service).getPolicy},
	{bucketLevel, "PUT", "policy"}:               {"PutBucketPolicy", (*Service).putPolicy},
	{bucketLevel, "DELETE", "policy"}:            {"DeleteBucketPolicy", (*Service).deletePolicy},
	{bucketLevel, "GET", "lifecycle"}:            {"GetBucketLifecycleConfiguration", (*Service).getLifecycle},
	{bucketLevel, "PUT", "lifecycle"}:            {"PutBucketLifecycleConfiguration", (*Service).putLifecycle},
	{bucketLevel, "DELETE", "lifecycle"}:         {"DeleteBucketLifecycle", (*Service).deleteLifecycle},

	{objectLevel, "GET", ""}:            {"GetObject", nil},
	{objectLevel, "HEAD", ""}:           {"HeadObject", nil},
	{objectLevel, "PUT", ""}:            {"PutObject", nil},
	{objectLevel, "DELETE", ""}:         {"DeleteObject", nil},
	{objectLevel, "POST", "uploads"}:    {"CreateMultipartUpload", nil},
	{objectLevel, "GET", "uploadId"}:    {"ListParts", nil},
	{objectLevel, "PUT", "uploadId"}:    {"UploadPart", nil},
	{objectLevel, "POST", "uploadId"}:   {"CompleteMultipartUpload", (*Service).completeUpload},
	{objectLevel, "DELETE", "uploadId"}: {"AbortMultipartUpload", nil},
}

// routeOf finds out what a path-style request asks for.
func routeOf(r *http.Request) (rt route, bucket string) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	rt = route{level: account, method: r.Method, subresource: subresourceOf(r.URL.Query())}
	switch {
	case key != "":
		rt.level = objectLevel
	case bucket != "":
		rt.level = bucketLevel
	}
	return rt, bucket
}

func subresourceOf(query url.Values) string {
	for _, s := range subresources {
		if query.Has(s) {
			return s
		}
	}
	return ""
}
