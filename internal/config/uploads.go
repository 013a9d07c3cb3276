package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// bucketName is what S3 allows, in the letters that all its kinds take.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// keyPart is a part of a prefix, in the characters that need no escaping anywhere.
var keyPart = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

func uploads(c *Config, v string) error {
	place, isBucket := strings.CutPrefix(v, "s3://")
	if !isBucket && strings.Contains(v, "://") {
		return errors.New("应为目录，或 s3://存储桶/前缀")
	}
	if !isBucket {
		c.UploadDir = filepath.Clean(v)
		return nil
	}
	bucket, prefix, _ := strings.Cut(place, "/")
	c.S3.Bucket = bucket // also a wrong one: the other settings are read as meant then
	if !bucketName.MatchString(bucket) || strings.Contains(bucket, "..") {
		return errors.New("存储桶名无效，应为 3 到 63 个小写字母、数字、连字符或点，不带密钥，例如 s3://my-blog/uploads")
	}
	if c.S3.Prefix = strings.Trim(prefix, "/"); c.S3.Prefix == "" {
		return nil
	}
	for part := range strings.SplitSeq(c.S3.Prefix, "/") {
		if !keyPart.MatchString(part) || len(c.S3.Prefix) > 512 {
			return fmt.Errorf("前缀 %q 无效，各段应为字母、数字、_、- 与点（不在开头），例如 s3://my-blog/uploads", prefix)
		}
	}
	return nil
}

// forBucket reads a setting that counts only where images are kept in S3. Elsewhere a
// value is refused: whoever gives one believes that they are.
func forBucket(standard string, parse parser) parser {
	return func(c *Config, v string) error {
		if c.S3.Bucket != "" {
			return parse(c, v)
		}
		if c.UploadDir != "" && v != standard {
			return errors.New("仅在 UPLOADS 为 s3://存储桶/前缀 时有用，请设置 UPLOADS 或去掉这项设置")
		}
		return nil
	}
}

func publicURL(c *Config, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("应为 http 或 https 地址，不带密钥、? 与 #，例如 https://img.example.com/uploads")
	}
	c.UploadsURL = strings.TrimRight(u.String(), "/") // as a header can hold it
	return nil
}

func s3Endpoint(c *Config, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Scheme+"://"+u.Host != strings.TrimSuffix(v, "/") {
		return errors.New("应为 协议://主机[:端口]，不带存储桶、路径与密钥，例如 https://s3.example.com 或 http://127.0.0.1:9000")
	}
	c.S3.Endpoint = u.Scheme + "://" + u.Host
	return nil
}

func s3Region(c *Config, v string) error {
	if !keyPart.MatchString(v) {
		return fmt.Errorf("%q 无效，例如 us-east-1、cn-hangzhou", v)
	}
	c.S3.Region = v
	return nil
}

func s3Key(at func(*Config) *string) parser {
	return func(c *Config, v string) error {
		if v == "" {
			return errors.New("UPLOADS 为 s3:// 时必须设置（或用 _FILE 指定文件）")
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New("含有空白或非 ASCII 字符，不是一个密钥，请检查是否多了空格或换行")
		}
		*at(c) = v
		return nil
	}
}
