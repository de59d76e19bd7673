package s3

import (
	"encoding/xml"
	"net/http"
	"slices"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
	"github.com/ccs-platform/ccsctl/internal/sandbox/wire"
)

type tag struct {
	Key   string
	Value string
}

// tagMap checks tags by S3's rules ("Using cost allocation S3 bucket tags").
func tagMap(tags []tag) (bus.Tags, error) {
	m := bus.Tags{}
	for _, t := range tags {
		if _, ok := m[t.Key]; ok {
			return nil, wire.Errorf("InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		if t.Key == "" || len([]rune(t.Key)) > 128 || !bus.TagText(t.Key, "") {
			return nil, wire.Errorf("InvalidTag", "The TagKey you have provided is invalid")
		}
		if len([]rune(t.Value)) > 256 || !bus.TagText(t.Value, "") {
			return nil, wire.Errorf("InvalidTag", "The TagValue you have provided is invalid")
		}
		if bus.ReservedTag(t.Key) {
			return nil, wire.Errorf("InvalidTag", "System tags cannot be added/updated by requester")
		}
		m[t.Key] = t.Value
	}
	if len(m) > bus.MaxTags {
		return nil, wire.Errorf("BadRequest", "Bucket tag count cannot be greater than 50")
	}
	return m, nil
}

type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	TagSet  []tag    `xml:"TagSet>Tag"`
}

func (s *Service) getTagging(r *request) error {
	return s.look(r, func(b *bucket) (any, error) {
		if len(b.tags) == 0 {
			return nil, wire.Errorf("NoSuchTagSet", "The TagSet does not exist")
		}
		var out tagging
		for _, k := range b.tags.Keys() {
			out.TagSet = append(out.TagSet, tag{k, b.tags[k]})
		}
		return out, nil
	})
}

// putTagging replaces the whole set.
func (s *Service) putTagging(r *request) error {
	var in tagging
	if err := r.decode(&in); err != nil {
		return err
	}
	tags, err := tagMap(in.TagSet)
	if err != nil {
		return err
	}
	return s.change(r, http.StatusNoContent, func(b *bucket) error { b.tags = tags; return nil })
}

func (s *Service) deleteTagging(r *request) error {
	return s.change(r, http.StatusNoContent, func(b *bucket) error { b.tags = nil; return nil })
}

type encryption struct {
	XMLName xml.Name         `xml:"ServerSideEncryptionConfiguration"`
	Rules   []encryptionRule `xml:"Rule"`
}

type encryptionRule struct {
	Default struct {
		SSEAlgorithm   string
		KMSMasterKeyID string `xml:",omitempty"`
	} `xml:"ApplyServerSideEncryptionByDefault"`
	BucketKeyEnabled bool
}

func defaultEncryption() *encryption {
	var e encryption
	e.Rules = make([]encryptionRule, 1)
	e.Rules[0].Default.SSEAlgorithm = "AES256"
	return &e
}

func (s *Service) getEncryption(r *request) error {
	return s.look(r, func(b *bucket) (any, error) { return b.encryption, nil })
}

// putEncryption does not look whether the key exists, and neither does S3: the
// first upload finds out.
func (s *Service) putEncryption(r *request) error {
	var in encryption
	if err := r.decode(&in); err != nil {
		return err
	}
	if len(in.Rules) != 1 {
		return wire.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	switch d := in.Rules[0].Default; d.SSEAlgorithm {
	case "aws:kms", "aws:kms:dsse":
	case "AES256":
		if d.KMSMasterKeyID != "" {
			return wire.Errorf("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	default:
		return wire.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	return s.change(r, http.StatusOK, func(b *bucket) error { b.encryption = &in; return nil })
}

func (s *Service) deleteEncryption(r *request) error {
	return s.change(r, http.StatusNoContent, func(b *bucket) error { b.encryption = defaultEncryption(); return nil })
}

type accessBlock struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

func (s *Service) getAccessBlock(r *request) error {
	return s.look(r, func(b *bucket) (any, error) {
		if b.block == nil {
			return nil, wire.Errorf("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
		}
		return b.block, nil
	})
}

func (s *Service) putAccessBlock(r *request) error {
	var in accessBlock
	if err := r.decode(&in); err != nil {
		return err
	}
	return s.change(r, http.StatusOK, func(b *bucket) error { b.block = &in; return nil })
}

func (s *Service) deleteAccessBlock(r *request) error {
	return s.change(r, http.StatusNoContent, func(b *bucket) error { b.block = nil; return nil })
}

type ownership struct {
	XMLName xml.Name        `xml:"OwnershipControls"`
	Rules   []ownershipRule `xml:"Rule"`
}

type ownershipRule struct{ ObjectOwnership string }

func (s *Service) getOwnership(r *request) error {
	return s.look(r, func(b *bucket) (any, error) {
		if b.ownership == nil {
			return nil, wire.Errorf("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
		}
		return b.ownership, nil
	})
}

func (s *Service) putOwnership(r *request) error {
	var in ownership
	if err := r.decode(&in); err != nil {
		return err
	}
	if len(in.Rules) != 1 || !slices.Contains([]string{"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"}, in.Rules[0].ObjectOwnership) {
		return wire.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	return s.change(r, http.StatusOK, func(b *bucket) error { b.ownership = &in; return nil })
}

func (s *Service) deleteOwnership(r *request) error {
	return s.change(r, http.StatusNoContent, func(b *bucket) error { b.ownership = nil; return nil })
}

type lifecycle struct {
	XMLName xml.Name        `xml:"LifecycleConfiguration"`
	Rules   []lifecycleRule `xml:"Rule"`
}

// lifecycleRule keeps a rule's elements as they came, and reads those that are
// checked.
type lifecycleRule struct {
	raw     string
	id      string
	status  string
	actions []string
	scoped  bool // has a Filter or the old Prefix
	tagged  bool
	days    int
}

func (l *lifecycleRule) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var in struct {
		Raw    string `xml:",innerxml"`
		ID     string
		Status string
		Prefix *string
		Filter *struct {
			Tag *tag
			And *struct{ Tag []tag }
		}
		Abort       *struct{ DaysAfterInitiation int } `xml:"AbortIncompleteMultipartUpload"`
		Expiration  *struct{}
		Transition  []struct{}
		OldVersions *struct{}  `xml:"NoncurrentVersionExpiration"`
		OldMoves    []struct{} `xml:"NoncurrentVersionTransition"`
	}
	if err := d.DecodeElement(&in, &start); err != nil {
		return err
	}
	l.raw, l.id, l.status, l.scoped = in.Raw, in.ID, in.Status, in.Prefix != nil || in.Filter != nil
	l.tagged = in.Filter != nil && (in.Filter.Tag != nil || in.Filter.And != nil && len(in.Filter.And.Tag) > 0)
	if in.Abort != nil {
		l.actions, l.days = append(l.actions, "abort"), in.Abort.DaysAfterInitiation
	}
	if in.Expiration != nil || len(in.Transition) > 0 || in.OldVersions != nil || len(in.OldMoves) > 0 {
		l.actions = append(l.actions, "objects")
	}
	return nil
}

// MarshalXML implements xml.Marshaler.
func (l lifecycleRule) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(struct {
		Raw string `xml:",innerxml"`
	}{l.raw}, start)
}

func (s *Service) getLifecycle(r *request) error {
	return s.look(r, func(b *bucket) (any, error) {
		if b.lifecycle == nil {
			return nil, wire.Errorf("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
		}
		return b.lifecycle, nil
	})
}

// putLifecycle replaces all rules.
func (s *Service) putLifecycle(r *request) error {
	var in lifecycle
	if err := r.decode(&in); err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, rule := range in.Rules {
		switch {
		case !rule.scoped || rule.status != "Enabled" && rule.status != "Disabled":
			return wire.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
		case len(rule.actions) == 0:
			return wire.Errorf("InvalidRequest", "At least one action needs to be specified in a rule.")
		case rule.id != "" && ids[rule.id]:
			return wire.Errorf("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
		case len(rule.id) > 255:
			return wire.Errorf("InvalidArgument", "ID length should not exceed allowed limit of 255")
		case rule.actions[0] == "abort" && rule.tagged:
			return wire.Errorf("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags.")
		case rule.actions[0] == "abort" && rule.days <= 0:
			return wire.Errorf("InvalidArgument", "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
		}
		ids[rule.id] = true
	}
	if len(in.Rules) == 0 || len(in.Rules) > 1000 {
		return wire.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	return s.change(r, http.StatusOK, func(b *bucket) error { b.lifecycle = &in; return nil })
}

func (s *Service) deleteLifecycle(r *request) error {
	return s.change(r, http.StatusNoContent, func(b *bucket) error { b.lifecycle = nil; return nil })
}
