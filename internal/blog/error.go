package blog

import (
	"errors"
	"slices"
)

// Code names a kind of failure for programs. The words for people, in two
// languages, and the HTTP status stand in web/words.go, one row per code.
type Code string

// Every code there is. web/words.go must have a row for each; a test compares.
const (
	CodeInvalid              Code = "VALIDATION_FAILED"
	CodeInvalidSort          Code = "INVALID_SORT"
	CodeInvalidJSON          Code = "INVALID_JSON"
	CodeBodyTooLarge         Code = "BODY_TOO_LARGE"
	CodeUnsupportedMediaType Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeBadRequest           Code = "BAD_REQUEST"

	CodeTokenMissing   Code = "TOKEN_MISSING"
	CodeTokenInvalid   Code = "TOKEN_INVALID"
	CodeTokenExpired   Code = "TOKEN_EXPIRED"
	CodeUserDisabled   Code = "USER_DISABLED"
	CodeBadCredentials Code = "BAD_CREDENTIALS"
	CodeForbidden      Code = "FORBIDDEN"
	CodeNotOwner       Code = "NOT_OWNER"

	CodeEmailTaken    Code = "EMAIL_TAKEN"
	CodeUsernameTaken Code = "USERNAME_TAKEN"
	CodeWrongPassword Code = "WRONG_PASSWORD"
	CodeLastAdmin     Code = "LAST_ADMIN"
	CodeUserNotFound  Code = "USER_NOT_FOUND"

	CodePostNotFound     Code = "POST_NOT_FOUND"
	CodePostForbidden    Code = "POST_FORBIDDEN"
	CodePostChanged      Code = "POST_CHANGED"
	CodePostNotPublished Code = "POST_NOT_PUBLISHED"
	CodeCommentNotFound  Code = "COMMENT_NOT_FOUND"

	CodeFileNotFound   Code = "FILE_NOT_FOUND"
	CodeFileRange      Code = "FILE_RANGE_INVALID"
	CodeUploadType     Code = "UPLOAD_TYPE"
	CodeUploadTooLarge Code = "UPLOAD_TOO_LARGE"
	CodeUploadTooMany  Code = "UPLOAD_TOO_MANY"
	CodeUploadMissing  Code = "UPLOAD_MISSING"
	CodeUploadInvalid  Code = "UPLOAD_INVALID"
	CodeUploadQuota    Code = "UPLOAD_QUOTA"

	CodeRateLimited      Code = "RATE_LIMITED"
	CodeRouteNotFound    Code = "ROUTE_NOT_FOUND"
	CodeMethodNotAllowed Code = "METHOD_NOT_ALLOWED"

	CodeInternal    Code = "INTERNAL"
	CodeBusy        Code = "BUSY"         // a bounded queue is full: try again soon
	CodeUnavailable Code = "UNAVAILABLE"  // a dependency is away or too slow
	CodeStorageFull Code = "STORAGE_FULL" // no room left to write

	CodeBadGateway       Code = "BAD_GATEWAY"     // who answers in our place failed
	CodeGatewayTimeout   Code = "GATEWAY_TIMEOUT" // and here gave no answer in time
	CodeInstanceNotFound Code = "INSTANCE_NOT_FOUND"
)

// Codes lists every Code above.
func Codes() []Code {
	return []Code{
		CodeInvalid, CodeInvalidSort, CodeInvalidJSON, CodeBodyTooLarge, CodeUnsupportedMediaType, CodeBadRequest,
		CodeTokenMissing, CodeTokenInvalid, CodeTokenExpired, CodeUserDisabled, CodeBadCredentials, CodeForbidden, CodeNotOwner,
		CodeEmailTaken, CodeUsernameTaken, CodeWrongPassword, CodeLastAdmin, CodeUserNotFound,
		CodePostNotFound, CodePostForbidden, CodePostChanged, CodePostNotPublished, CodeCommentNotFound,
		CodeFileNotFound, CodeFileRange, CodeUploadType, CodeUploadTooLarge, CodeUploadTooMany, CodeUploadMissing, CodeUploadInvalid, CodeUploadQuota,
		CodeRateLimited, CodeRouteNotFound, CodeMethodNotAllowed,
		CodeInternal, CodeBusy, CodeUnavailable, CodeStorageFull,
		CodeBadGateway, CodeGatewayTimeout, CodeInstanceNotFound,
	}
}

// Rule names what a field broke, as "<field>.<rule>". Its words stand in web/words.go.
type Rule string

// Every rule there is; a test holds web/words.go against Rules.
const (
	RuleType    Rule = "any.type"    // another JSON type than the field's
	RuleObject  Rule = "any.object"  // the body is no object
	RuleUnknown Rule = "any.unknown" // the field does not exist
	RuleText    Rule = "any.text"    // NUL or invalid UTF-8 in a text
	RuleQuery   Rule = "any.query"   // a query parameter that cannot be read
	RuleTwice   Rule = "any.twice"   // a query parameter given twice, as x[] or as x[$op]
	RuleID      Rule = "any.id"      // not 24 lower-case hex digits

	RuleUsernameRequired Rule = "username.required"
	RuleUsernameShort    Rule = "username.short"
	RuleUsernameLong     Rule = "username.long"
	RuleEmailRequired    Rule = "email.required"
	RuleEmailFormat      Rule = "email.format"
	RulePasswordRequired Rule = "password.required"
	RulePasswordShort    Rule = "password.short"
	RulePasswordLong     Rule = "password.long"
	RuleAvatar           Rule = "avatar.format"
	RuleNameLong         Rule = "profile.name.long"
	RuleBioLong          Rule = "profile.bio.long"
	RuleWebsite          Rule = "profile.website.format"
	RuleLocationLong     Rule = "profile.location.long"
	RuleRole             Rule = "role.value"

	RuleTitleRequired    Rule = "title.required"
	RuleTitleLong        Rule = "title.long"
	RuleContentRequired  Rule = "content.required"
	RuleExcerptLong      Rule = "excerpt.long"
	RuleCategoryRequired Rule = "category.required"
	RuleCategory         Rule = "category.value"
	RuleTagsMany         Rule = "tags.many"
	RuleTag              Rule = "tags.length"
	RuleCoverImage       Rule = "coverImage.format"
	RuleStatus           Rule = "status.value"

	RuleCommentRequired Rule = "comment.required"
	RuleCommentLong     Rule = "comment.long"
	RuleParent          Rule = "comment.parent"
	RulePostRequired    Rule = "comment.post"

	RuleSort   Rule = "sort.value"
	RulePage   Rule = "page.value"
	RuleLimit  Rule = "limit.value"
	RuleKinds  Rule = "limit.kinds" // of slow statements
	RuleCursor Rule = "cursor.value"
	RuleDate   Rule = "date.format"
)

// Rules lists every Rule above.
func Rules() []Rule {
	return []Rule{
		RuleType, RuleObject, RuleUnknown, RuleText, RuleQuery, RuleTwice, RuleID,
		RuleUsernameRequired, RuleUsernameShort, RuleUsernameLong, RuleEmailRequired, RuleEmailFormat,
		RulePasswordRequired, RulePasswordShort, RulePasswordLong,
		RuleAvatar, RuleNameLong, RuleBioLong, RuleWebsite, RuleLocationLong, RuleRole,
		RuleTitleRequired, RuleTitleLong, RuleContentRequired, RuleExcerptLong, RuleCategoryRequired, RuleCategory,
		RuleTagsMany, RuleTag, RuleCoverImage, RuleStatus,
		RuleCommentRequired, RuleCommentLong, RuleParent, RulePostRequired,
		RuleSort, RulePage, RuleLimit, RuleKinds, RuleCursor, RuleDate,
	}
}

// Field is one broken field of an input.
type Field struct {
	Name string // as the client wrote it, e.g. "profile.bio"
	Rule Rule
}

// Error is the only error that crosses a package border with a meaning: a code,
// the broken fields in the order in which to report them, and the cause. It
// holds no text for people. Any other error is an internal one.
type Error struct {
	Code   Code
	Fields []Field
	Err    error // the cause, for the log only; may be nil
}

// Error implements error, for logs.
func (e *Error) Error() string {
	s := string(e.Code)
	for _, f := range e.Fields {
		s += " " + f.Name + ":" + string(f.Rule)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an error of a code.
func Fail(code Code) error { return &Error{Code: code} }

// Wrap makes an error of a code with its cause.
func Wrap(code Code, err error) error { return &Error{Code: code, Err: err} }

// Invalid makes a CodeInvalid error for one field.
func Invalid(name string, rule Rule) error {
	return &Error{Code: CodeInvalid, Fields: []Field{{name, rule}}}
}

// Also returns err or, if err is nil, more. If both are about broken fields, it adds
// those of more that err does not name, so that a client is told everything that is
// wrong with a body at once. If err is about the body as a whole, nothing is known of
// its fields, and more says nothing.
func Also(err, more error) error {
	if err == nil {
		return more
	}
	e, ok := errors.AsType[*Error](err)
	m, also := errors.AsType[*Error](more)
	if !ok || !also || e.Code != CodeInvalid || m.Code != CodeInvalid {
		return err
	}
	if len(e.Fields) == 0 || e.Fields[0].Name == "" {
		return err
	}
	fields := slices.Clone(e.Fields)
	for _, f := range m.Fields {
		if !slices.ContainsFunc(e.Fields, func(known Field) bool { return known.Name == f.Name }) {
			fields = append(fields, f)
		}
	}
	return &Error{Code: CodeInvalid, Fields: fields, Err: e.Err}
}

// CodeOf returns the code of err: "" for nil, CodeInternal for an error that is not an *Error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// Problems collects the broken fields of one input.
type Problems []Field

// Add notes that a field broke a rule.
func (p *Problems) Add(name string, rule Rule) { *p = append(*p, Field{name, rule}) }

// Check notes the field unless ok.
func (p *Problems) Check(ok bool, name string, rule Rule) {
	if !ok {
		p.Add(name, rule)
	}
}

// Err returns a CodeInvalid error with what was collected, or nil if there is nothing.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalid, Fields: p}
}
