// Package backup writes a site into one file and puts it back, whatever its engine is
// and wherever its images are.
//
// The file is a plain tar:
//
//	manifest.json      what this is: see Manifest
//	inkstone.db        the database, as SQLite keeps it, also of a site on PostgreSQL
//	uploads/<field>/…  the images, if they are covered
//	SHA256             the digest of all bytes before this entry, which are its last 2048
//
// What is written is written aside, synced, and only then given its name: write.go,
// workspace.go, images.go, archive.go. What is read is held against its digest before
// anything is done with it: restore.go, reader.go.
//
// It knows no engine and no place of images: its callers hand them in. Errors are
// sentences for whoever runs the command.
package backup
