package blog

import "time"

// Upload is a stored image.
type Upload struct {
	Filename     string // unique; the last part of its URL
	Field        string // "image" or "images"; the part before it
	Owner        ID
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

// List names the filter's list. Its cursor holds the time in Int and the file
// name in Text; the ID is the owner's.
func (f UploadFilter) List() List { return List("uploads " + f.Owner.String()) }
