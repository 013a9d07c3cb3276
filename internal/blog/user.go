package blog

import (
	"strconv"
	"strings"
	"time"
)

// Bounds of a user's fields, in characters (code points) unless said otherwise.
const (
	MinUsername      = 3
	MaxUsername      = 20
	MinPassword      = 6
	MaxPasswordBytes = 72 // bcrypt reads no further
	MaxName          = 50
	MaxBio           = 500
	MaxLocation      = 100
)

// User is an account.
type User struct {
	ID           ID
	Username     string // unique without regard to case, see Fold
	Email        string // unique, lower case
	PasswordHash string // bcrypt
	Role         Role
	Active       bool
	Avatar       string
	Profile      Profile
	LastLogin    time.Time // zero before the first
	CreatedAt    time.Time
	UpdatedAt    time.Time

	// TokenVersion is raised when every token of the user must end (password
	// changed, account disabled). TokensFrom is when that last happened: a token
	// of the original application carries no version and is judged by its time.
	TokenVersion int64
	TokensFrom   time.Time
}

// Profile is what a user tells about himself.
type Profile struct {
	FirstName, LastName, Bio, Website, Location string
}

// FullName joins first and last name; "" if there is neither.
func (p Profile) FullName() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }

// Author is the part of a user that is shown with what he wrote.
type Author struct {
	ID       ID
	Username string
	Avatar   string
	Profile  Profile
}

// Author returns the public part of u.
func (u *User) Author() Author { return Author{u.ID, u.Username, u.Avatar, u.Profile} }

// EndTokens makes every token issued before now invalid.
func (u *User) EndTokens(now time.Time) {
	u.TokenVersion++
	u.TokensFrom = now
}

// NewUser is what registration asks for.
type NewUser struct {
	Username, Email, Password string
}

// Normalize trims the name and makes the address a NormalEmail.
func (n *NewUser) Normalize() {
	n.Username = strings.TrimSpace(n.Username)
	n.Email = NormalEmail(n.Email)
}

// NormalEmail returns an address as it is kept: trimmed and in lower case.
func NormalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// Validate reports every broken field: CodeInvalid.
func (n *NewUser) Validate() error {
	var p Problems
	checkUsername(&p, n.Username)
	CheckEmail(&p, n.Email)
	CheckPassword(&p, "password", n.Password)
	return p.Err()
}

func checkUsername(p *Problems, s string) {
	switch {
	case s == "":
		p.Add("username", RuleUsernameRequired)
	case !CleanText(s):
		p.Add("username", RuleText)
	case length(s) < MinUsername:
		p.Add("username", RuleUsernameShort)
	case length(s) > MaxUsername:
		p.Add("username", RuleUsernameLong)
	}
}

// CheckEmail checks an address that is a NormalEmail.
func CheckEmail(p *Problems, s string) {
	switch {
	case s == "":
		p.Add("email", RuleEmailRequired)
	case !CleanText(s) || !validEmail(s):
		p.Add("email", RuleEmailFormat)
	}
}

// CheckPassword checks a new password given in the named field.
func CheckPassword(p *Problems, name, s string) {
	switch {
	case s == "":
		p.Add(name, RulePasswordRequired)
	case !CleanText(s):
		p.Add(name, RuleText)
	case length(s) < MinPassword:
		p.Add(name, RulePasswordShort)
	case len(s) > MaxPasswordBytes:
		p.Add(name, RulePasswordLong)
	}
}

// UserPatch is what a user may change of himself; nil keeps the value.
type UserPatch struct {
	Username, Email, Avatar                     *string
	FirstName, LastName, Bio, Website, Location *string
}

// Apply changes u and reports every broken field: CodeInvalid. u is unchanged on error.
func (c UserPatch) Apply(u *User) error {
	n := *u
	set(&n.Username, c.Username, strings.TrimSpace)
	set(&n.Email, c.Email, NormalEmail)
	set(&n.Avatar, c.Avatar, strings.TrimSpace)
	set(&n.Profile.FirstName, c.FirstName, strings.TrimSpace)
	set(&n.Profile.LastName, c.LastName, strings.TrimSpace)
	set(&n.Profile.Bio, c.Bio, strings.TrimSpace)
	set(&n.Profile.Website, c.Website, strings.TrimSpace)
	set(&n.Profile.Location, c.Location, strings.TrimSpace)

	var p Problems
	checkUsername(&p, n.Username)
	CheckEmail(&p, n.Email)
	p.Check(CleanText(n.Avatar) && validImage(n.Avatar), "avatar", RuleAvatar)
	checkProfile(&p, n.Profile)
	if err := p.Err(); err != nil {
		return err
	}
	*u = n
	return nil
}

func checkProfile(p *Problems, f Profile) {
	text := func(name, s string, most int, rule Rule) {
		if !CleanText(s) {
			rule = RuleText
		} else if length(s) <= most {
			return
		}
		p.Add("profile."+name, rule)
	}
	text("firstName", f.FirstName, MaxName, RuleNameLong)
	text("lastName", f.LastName, MaxName, RuleNameLong)
	text("bio", f.Bio, MaxBio, RuleBioLong)
	p.Check(f.Website == "" || CleanText(f.Website) && validWebURI(f.Website), "profile.website", RuleWebsite)
	text("location", f.Location, MaxLocation, RuleLocationLong)
}

func set(to, from *string, clean func(string) string) {
	if from != nil {
		*to = clean(*from)
	}
}

// UserSorts are the fields a list of users can be sorted by.
var UserSorts = []string{"createdAt", "updatedAt", "username", "email", "lastLogin"}

// UserFilter says which users are listed. Zero fields do not filter.
type UserFilter struct {
	Search string // any part of name or address, compared by Fold; see GramPhrase
	Role   Role
	Active *bool
	Order  Order // field: one of UserSorts
	Page   Page
}

// List names the filter's list.
func (f UserFilter) List() List {
	active := "any"
	if f.Active != nil {
		active = strconv.FormatBool(*f.Active)
	}
	return newList("users", f.Search, string(f.Role), active, f.Order.String())
}

// Cursor returns the place of u in the filter's list.
func (f UserFilter) Cursor(u *User) *Cursor {
	c := &Cursor{ID: u.ID}
	switch f.Order.Field {
	case "createdAt":
		c.Int = Millis(u.CreatedAt)
	case "updatedAt":
		c.Int = Millis(u.UpdatedAt)
	case "lastLogin":
		c.Int = Millis(u.LastLogin)
	case "username":
		c.Text = u.Username
	case "email":
		c.Text = u.Email
	}
	return c
}

// Session is what the check of a token needs to know of its user, in one read.
type Session struct {
	Username     string
	Role         Role
	Active       bool
	TokenVersion int64
	TokensFrom   time.Time
	Revoked      bool // this one token was logged out
}
