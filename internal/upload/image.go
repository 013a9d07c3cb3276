package upload

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"

	"inkstone/internal/blog"
)

// MaxPixels bounds an image's width times height, so that whoever decodes it
// later knows what it can cost.
const MaxPixels = 50_000_000

// kind is a type of image that is taken in. The signatures are those of
// https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern.
type kind struct {
	ext    string
	sign   func(head []byte) bool
	config func(io.Reader) (image.Config, error)
}

// signLen is how many bytes of a file a signature looks at.
const signLen = 14

var kinds = []kind{
	{".jpg", prefix("\xff\xd8\xff"), jpeg.DecodeConfig},
	{".png", prefix("\x89PNG\r\n\x1a\n"), png.DecodeConfig},
	{".gif", prefix("GIF87a"), gif.DecodeConfig},
	{".gif", prefix("GIF89a"), gif.DecodeConfig},
	{".webp", isWebP, webp.DecodeConfig},
}

func prefix(s string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(s)) }
}

func isWebP(head []byte) bool {
	return len(head) == signLen && string(head[:4]) == "RIFF" && string(head[8:14]) == "WEBPVP"
}

// kindOf tells the type by a file's first signLen bytes.
func kindOf(head []byte) (kind, bool) {
	for _, k := range kinds {
		if k.sign(head) {
			return k, true
		}
	}
	return kind{}, false
}

// check decodes the whole header: CodeUploadType if it is broken, empty or
// promises more than MaxPixels.
func (k kind) check(r io.Reader) error {
	c, err := k.config(r)
	if err != nil {
		return blog.Wrap(blog.CodeUploadType, err)
	}
	if c.Width <= 0 || c.Height <= 0 || int64(c.Width)*int64(c.Height) > MaxPixels {
		return blog.Fail(blog.CodeUploadType)
	}
	return nil
}
