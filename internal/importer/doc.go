// Package importer brings Markdown files in as posts and writes posts out as
// such files.
//
// It reads front matter as Hugo, Hexo and Jekyll write it: YAML between "---",
// TOML between "+++", JSON. What has no place in a post is bent to fit and told
// in the report (a long title is cut, an unknown category becomes a tag); what
// cannot be understood is refused, file by file, with the reason.
//
// An import can be repeated: blog.Sources remembers which file became which
// post, and an "id" in the front matter, which Export writes, names the post
// itself. Links to folders are not followed, nor those to files outside of the folder.
package importer
