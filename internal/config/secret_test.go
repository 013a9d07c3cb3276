package config

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

func TestProductionRefusesWeakSecrets(t *testing.T) {
	for _, secret := range []string{
		"", "short", "your-jwt-secret", "your-jwt-secret-your-jwt-secret-your-jwt-secret", strings.Repeat("changeme", 5),
		strings.Repeat("a", 64), "01234567890123456789012345678901", "your-super-secret-jwt-key-0123456789012345", strings.Repeat("secret ", 8),
		"your-super-secret-jwt-key-change-this-in-production", "super-secret-jwt-token-with-at-least-32-characters-long",
		"your_jwt_secret_key_at_least_32_characters_long", "mysecretpasswordmysecretpasswordmysecretpassword", "please-change-me-please-change-me-please",
		"YOUR-256-BIT-SECRET-YOUR-256-BIT-SECRET", "0123456789abcdef0123456789abcdef", "qwertyuiopasdfghjklzxcvbnm123456", "34567890123456789012345678901234567890",
		"your-super-secret-jwt-key-20261125101", "your-super-secret-jwt-key-00000000000000000000", "secret-key-of-2026-1234567890123456789012345678901234",
		"your-jwt-secretxxxxxxxxxxxxxxxxx", "your-jwt-secret-which-is-long-enough-to-pass", "your-jwt-secret-key-change-in-production-xx",
		"your-jwt-secretyour-jwt-secretyo", "your-refresh-token-secret-your-refresh-token-secret", "nodejs-blog-jwt-secret-nodejs-blog-jwt-secret",
		"test-secret-for-unit-tests-0123456789abcdef", "my-ultra-secure-and-ultra-long-secret", "thisismysupersecretjwtkeydonotshareit",
		"my_super_secret_jwt_key_12345_do_not_share", "keyboard cat keyboard cat keyboard cat", "correct-horse-battery-staple-correct-horse",
		"请修改为一个随机的字符串至少三十二个字节", "Zq8xT2vLwPZq8xT2vLwPZq8xT2vLwPZq8x", "Your.JWT.Secret_9f86d081884c7d65",
	} {
		if _, _, err := load(t, t.TempDir(), map[string]string{"APP_ENV": "production", "JWT_SECRET": secret}); err == nil {
			t.Errorf("%q was accepted", secret)
		}
	}
	for _, secret := range []string{
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "86720394857610293847561029384756102938", "seventeen-herons-borrow-a-violet-kettle",
		"我的密钥不是示例而是一句自己编的话", "my-secret-key-is-Zq8xT2vLw-of-course", "!@#$%^&*()_+-=[]{}|;:,.<>?/~`!@#$%^&*()",
		"66a171a811aa39964472251b92021c54", "726114937780053539810912a1922902", "1b600680-570e-491a-a35b-c2a761980117",
	} {
		if _, _, err := load(t, t.TempDir(), map[string]string{"APP_ENV": "production", "JWT_SECRET": secret}); err != nil {
			t.Errorf("%q was refused: %v", secret, err)
		}
	}
	c, _, err := load(t, t.TempDir(), map[string]string{"NODE_ENV": "production", "JWT_SECRET": strong})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Production || c.Host != "0.0.0.0" {
		t.Errorf("production %v on %s", c.Production, c.Host)
	}
}

// What openssl rand makes is never refused.
func TestNoRandomSecretIsWellKnown(t *testing.T) {
	key := make([]byte, 48)
	for range 50_000 {
		_, _ = rand.Read(key)
		for _, secret := range []string{
			hex.EncodeToString(key[:32]), hex.EncodeToString(key[:16]), base64.StdEncoding.EncodeToString(key[:32]),
			base64.StdEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key[:24]),
		} {
			if wellKnown(secret) {
				t.Errorf("%q is refused", secret)
			}
		}
	}
}

func TestTheSecretOfTheExampleFileIsRefused(t *testing.T) {
	b, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, ".env", string(b))
	if _, _, err := load(t, dir, nil); err != nil {
		t.Errorf("the example does not start in development: %v", err)
	}
	if _, _, err := load(t, dir, map[string]string{"NODE_ENV": "production"}); err == nil {
		t.Error("the example starts in production")
	}
}
