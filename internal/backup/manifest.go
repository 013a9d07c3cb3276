package backup

import (
	"encoding/json"
	"io"
	"time"
)

// format is the version of the archive's form. Whoever changes the form raises it; a
// program reads its own and all earlier ones.
const format = 1

// Manifest says what an archive is.
type Manifest struct {
	Format  int              `json:"format"`
	Program string           `json:"program"` // the version of inkstone that wrote it
	Engine  string           `json:"engine"`  // of the site: sqlite or postgres
	Schema  int              `json:"schema"`  // of inkstone.db
	Created time.Time        `json:"created"` // what was acknowledged before is in it
	Counts  map[string]int64 `json:"counts"`  // rows of each kind
	Uploads bool             `json:"uploads"` // whether the images are in it
}

// encode returns it as it stands in the archive, for people too.
func (m Manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// maxManifest bounds what is read of a file that may be anything.
const maxManifest = 1 << 20

func readManifest(r io.Reader) (m Manifest, err error) {
	err = json.NewDecoder(io.LimitReader(r, maxManifest)).Decode(&m)
	return m, err
}
