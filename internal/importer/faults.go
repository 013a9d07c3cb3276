package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// syntaxFault refuses front matter that cannot be read; line is 0 if it is not known where.
func syntaxFault(format string, line int, why string) error {
	if line == 0 {
		return errRefused("front matter 不是有效的 " + format + "：" + why)
	}
	return errRefused(fmt.Sprintf("front matter 第 %d 行不是有效的 %s：%s", line, format, why))
}

// How the library counts the line of a fault in YAML. For the first line it gives no
// number at all.
const (
	fromOne = iota
	fromZero
	unplaced
)

// yamlFaults translate the library's messages for authors. Those that are not here
// are shown as they are.
var yamlFaults = []struct {
	said  string
	count int
	means string
}{
	{"did not find expected key", fromZero, "缩进不对，或引号之后还有文字"},
	{"did not find expected node content", fromZero, "此处缺少值"},
	{"did not find expected '-' indicator", fromZero, "列表的缩进不对"},
	{"did not find expected ',' or", fromZero, "括号没有闭合，或缺少逗号"},
	{"mapping values are not allowed", fromOne, "缩进不对，或值中有冒号（须用引号括起）"},
	{"found character that cannot start any token", fromOne, "值以特殊符号开头，须用引号括起"},
	{"could not find expected ':'", fromOne, "缺少冒号"},
	{"found unexpected end of stream", fromOne, "引号没有闭合"},
	{"found unknown escape character", fromOne, "双引号中的反斜杠须写作两个"},
	{"found a tab character", fromOne, "不能用制表符缩进"},
	{"did not find expected comment or line break", unplaced, "值以 > 或 | 开头，须用引号括起"},
	{"unknown anchor", unplaced, "引用了没有定义的锚点"},
	{"control characters are not allowed", unplaced, "含有控制字符"},
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// badYAML, badList, badTOML and badJSON refuse a block that begins in the given line of the file.
func badYAML(line int, err error) error {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return syntaxFault("YAML", 0, err.Error())
	}
	at, _ := strconv.Atoi(m[1]) // digits or nothing
	for _, f := range yamlFaults {
		switch {
		case !strings.HasPrefix(m[2], f.said):
			continue
		case f.count == unplaced:
			return syntaxFault("YAML", 0, f.means)
		case f.count == fromOne && at > 0:
			at--
		}
		return syntaxFault("YAML", line+at, f.means)
	}
	if at == 0 {
		return syntaxFault("YAML", 0, m[2])
	}
	return syntaxFault("YAML", line+at-1, m[2])
}

// nameList is a list of names in brackets, with the indented lines that go on with it.
var nameList = regexp.MustCompile(`(?im)^(?:tags?|category|categories):[ ]+[\[{].*(?:\n[ ].*)*`)

// badList refuses a block for the first list of names in it that cannot be read; nil if
// there is none. The library takes some of these faults for ones of the lines below.
func badList(line int, block string) error {
	for _, at := range nameList.FindAllStringIndex(block, -1) {
		var n yaml.Node
		if yaml.Unmarshal([]byte(block[at[0]:at[1]]), &n) != nil {
			return syntaxFault("YAML", line+strings.Count(block[:at[0]], "\n"), "列表的括号没有闭合，或有空项、未加引号的 # 或括号")
		}
	}
	return nil
}

func badTOML(line int, err error) error {
	why := strings.TrimPrefix(err.Error(), "toml: ")
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, _ := e.Position()
		return syntaxFault("TOML", line+row-1, why)
	}
	return syntaxFault("TOML", 0, why)
}

func badJSON(text string, line int, err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok && e.Offset < int64(len(text)) {
		text = text[:e.Offset]
	}
	return syntaxFault("JSON", line+strings.Count(strings.TrimRight(text, "\n"), "\n"), err.Error())
}
