package apitest

import "testing"

// Whole files in memory would be 300 MB.
func TestParallelUploadsCostLittleMemoryWhereverTheyGo(t *testing.T) {
	for name, over := range map[string]func(*testing.T) settings{
		"folder": func(*testing.T) settings { return nil },
		"S3":     inBucket,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoad(t, over(t))
			image := file{"images", "a.png", "image/png", sized(maxImage)}
			body, kind := formOf(t, image, image, image, image, image)
			sender := l.user.With("Content-Type", kind)
			for _, n := range []int{1, 12} {
				l.together("uploads", n, func() (*answer, error) { return sender.Try("POST", "/api/upload/multiple", body) }, 200, 503)
			}
		})
	}
}
