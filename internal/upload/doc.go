// Package upload takes in images, lists, serves and deletes them.
//
// service.go holds the rules, form.go reads the multipart body, image.go decides
// by content what is an image, files.go says what keeps the bytes and local.go
// keeps them in a folder. The rows are kept by blog.Uploads.
//
// # How nothing is ever half there
//
// A new image is staged where nobody sees it, under its final name, and synced.
// Then the rows of the whole batch are written at once; that is the moment the
// upload happens. Then the files are moved into place, and only then the client
// is answered. A delete goes the other way: back to the stage, row away, file
// away. So whatever a dead process left on its stage is settled by asking for
// the row: with a row the file belongs into place, without one it goes.
package upload
