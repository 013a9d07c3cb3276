package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/rueidis"
)

func TestRedisIsGivenByURLOrByItsParts(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"REDIS_URL": "redis://cache"}, "redis://cache"},
		{map[string]string{"REDIS_URL": "redis://cache/"}, "redis://cache"},
		{map[string]string{"REDIS_URL": "rediss://ink:s%2Fcret@cache.example:6380/3"}, "rediss://ink:s%2Fcret@cache.example:6380/3"},
		{map[string]string{"REDIS_URL": "redis://:p@[::1]:6379/0"}, "redis://:p@[::1]:6379/0"},
		{map[string]string{"REDIS_HOST": "cache"}, "redis://cache:6379"},
		{map[string]string{"REDIS_HOST": "::1", "REDIS_PORT": "6380"}, "redis://[::1]:6380"},
		{map[string]string{"REDIS_HOST": "cache", "REDIS_PASSWORD": "a/b@c#d?e%f:"}, "redis://:a%2Fb%40c%23d%3Fe%25f%3A@cache:6379"},
		{map[string]string{"REDIS_PORT": "6390"}, "redis://localhost:6390"},
		{map[string]string{"REDIS_URL": "redis://:p@cache/1", "REDIS_HOST": "Cache", "REDIS_PORT": "6379", "REDIS_PASSWORD": "p"}, "redis://:p@cache/1"},
		{map[string]string{"REDIS_URL": "", "REDIS_HOST": "", "REDIS_PORT": "", "REDIS_PASSWORD": ""}, ""},
	} {
		cfg, _, err := load(t, t.TempDir(), c.env)
		if err != nil || cfg.Redis.URL != c.want {
			t.Errorf("%v: %+v, %v", c.env, cfg, err)
			continue
		}
		if c.want == "" {
			continue
		}
		opt, err := rueidis.ParseURL(cfg.Redis.URL)
		if password := c.env["REDIS_PASSWORD"]; err != nil || password != "" && opt.Password != password {
			t.Errorf("%v: the library reads %q, %v", c.env, opt.Password, err)
		}
	}
}

func TestARedisThatCannotBeMeantIsAMistake(t *testing.T) {
	for _, env := range []map[string]string{
		{"REDIS_URL": "cache:6379"}, {"REDIS_URL": "http://cache"}, {"REDIS_URL": "redis://"}, {"REDIS_URL": "redis:cache"}, {"REDIS_URL": "redis://:p@:6379"},
		{"REDIS_URL": "redis://cache:70000"}, {"REDIS_URL": "redis://cache:0"}, {"REDIS_URL": "redis://cache/x"}, {"REDIS_URL": "redis://cache/-1"}, {"REDIS_URL": "redis://cache/1/2"},
		{"REDIS_URL": "redis://cache?db=2"}, {"REDIS_URL": "redis://cache/0?"}, {"REDIS_URL": "redis://:hid#den@cache"}, {"REDIS_URL": "redis://:hid%zzden@cache"},
		{"REDIS_HOST": "redis://cache"}, {"REDIS_HOST": "cache:6379"}, {"REDIS_HOST": "cache", "REDIS_PORT": "x"}, {"REDIS_HOST": "cache", "REDIS_PORT": "0"},
		{"REDIS_URL": "redis://cache", "REDIS_HOST": "other"}, {"REDIS_URL": "redis://cache", "REDIS_PORT": "6380"},
		{"REDIS_URL": "redis://:hid1den@cache", "REDIS_PASSWORD": "hid2den"},
	} {
		_, _, err := load(t, t.TempDir(), env)
		mistakes, _ := errors.AsType[Mistakes](err)
		if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0], "REDIS_") || strings.Contains(err.Error(), "hid") {
			t.Errorf("%v: %v", env, err)
		}
	}
}

func TestTheSecretsOfRedisCanStandInFiles(t *testing.T) {
	dir := t.TempDir()
	url, password := write(t, dir, "url", "redis://:s3cret@cache\n"), write(t, dir, "password", "s3cret\n")
	cfg, values, err := load(t, dir, map[string]string{"REDIS_URL_FILE": url, "REDIS_PASSWORD_FILE": password})
	if err != nil || cfg.Redis.URL != "redis://:s3cret@cache" {
		t.Errorf("%+v, %v", cfg, err)
	}
	for _, name := range []string{"REDIS_URL", "REDIS_PASSWORD"} {
		if v := valueOf(t, values, name); strings.Contains(v.Value, "s3cret") {
			t.Errorf("%s is shown as %s", name, v.Value)
		}
	}
}
