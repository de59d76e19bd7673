package wire

import "slices"

// Page cuts a page off sorted names. It holds limit of them or, when limit is
// nil or 0, at most most. from is the token that came with the page before, nil
// for the first page; next is the token of the page after, nil when there is
// none.
//
// A token is the name that its page begins with, so that a listing survives
// what is made and deleted meanwhile. Services that refuse or disguise tokens
// do so around Page.
func Page(names []string, from *string, limit *int32, most int) (page []string, next *string) {
	if from != nil {
		i, _ := slices.BinarySearch(names, *from)
		names = names[i:]
	}
	if limit != nil && *limit > 0 {
		most = int(*limit)
	}
	if len(names) <= most {
		return names, nil
	}
	first := names[most]
	return names[:most], &first
}
