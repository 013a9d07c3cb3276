package blog

import "time"

// Upload is a stored image.
type Upload struct {
	Filename     string // unique; the last part of its URL
	Field        string // "image" or "images"; the part before it
	Owner        ID     // zero once that user is deleted
	OriginalName string
	Size         int64 // bytes
	CreatedAt    time.Time
}

// URL returns where the image is served.
func (u Upload) URL() string { return "/uploads/" + u.Field + "/" + u.Filename }

// UploadFilter lists an owner's uploads, newest first.
type UploadFilter struct {
	Owner ID
	Page  Page
}

// List names the filter's list.
func (f UploadFilter) List() List { return List("uploads " + f.Owner.String()) }

// Cursor returns the place of u in the filter's list: an upload has no id of its own.
func (f UploadFilter) Cursor(u Upload) *Cursor {
	return &Cursor{Int: Millis(u.CreatedAt), Text: u.Filename, ID: f.Owner}
}
