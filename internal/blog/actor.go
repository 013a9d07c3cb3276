package blog

// Role is what a user may do beyond his own things.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAdmin Role = "admin"
)

// Actor is who asks. The zero Actor is anonymous. It is always an argument,
// never hidden in a context.
type Actor struct {
	ID   ID
	Role Role
}

// Anonymous reports whether nobody is signed in.
func (a Actor) Anonymous() bool { return a.ID.IsZero() }

// Admin reports whether the actor is a signed-in admin.
func (a Actor) Admin() bool { return !a.Anonymous() && a.Role == RoleAdmin }

// Is reports whether the actor is the user with that id.
func (a Actor) Is(id ID) bool { return !a.Anonymous() && a.ID == id }

// Owns reports whether the actor may act on what belongs to owner: it is his, or he is an admin.
func (a Actor) Owns(owner ID) bool { return a.Is(owner) || a.Admin() }

// MayRead is the one rule of visibility: published posts are everybody's, others
// only their author's and the admins'. It returns nil or CodePostForbidden, and
// holds for a post, its comments and its likes alike.
func (a Actor) MayRead(p PostRef) error {
	if p.Status == Published || a.Owns(p.Author) {
		return nil
	}
	return Fail(CodePostForbidden)
}

// MayWrite returns nil if the actor may change or delete the post, else CodeNotOwner.
func (a Actor) MayWrite(p PostRef) error {
	if a.Owns(p.Author) {
		return nil
	}
	return Fail(CodeNotOwner)
}
