// Package upload takes in images, lists, serves and deletes them.
//
// service.go holds the rules, form.go reads the multipart body, image.go decides
// by content what is an image, files.go says what keeps the bytes: local.go does so
// in a folder, s3.go in a bucket, and both have a stage (stage.go). The rows are
// kept by blog.Uploads.
//
// # How nothing is ever half there
//
// A new image is staged where nobody sees it, under its final name, and checked there.
// The whole batch is delivered to where it lasts, then its rows are written at once;
// that is the moment the upload happens. Then the files are put in place, and only then
// the client is answered. A delete goes the other way: the file is withdrawn, the row
// goes, the file goes.
//
// In a folder delivered is synced on the stage, and in place is what has been renamed.
// In a bucket it is the row that puts an object in place, for nothing can be renamed
// there: serving asks for the row first.
//
// So whatever a dead process left is settled by asking for the row. In a folder that
// is what stands on its stage: with a row it belongs into place, without one it goes.
// In a bucket it is what an old note tells of: without a row it goes.
package upload
