package upload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// checkEvery is how long Watch waits before it asks again.
const checkEvery = 10 * time.Second

var errUnchecked error = errors.New("the bucket has not been asked for yet")

// Ready tells whether the process may take part in serving the site, nil if so.
//
// A bucket that is not there, or does not take our keys, when it is asked for the first
// time since the start is a mistake in the settings: whoever rolls them out expects that the new
// process gets no traffic and the old ones stay, and so it is not ready. It does not
// end, because all is well as soon as the bucket is made or the key is let in.
//
// An S3 that cannot be reached is no reason, nor is anything that goes wrong once the
// process has been ready: posts can be read without it, and a load balancer that took
// all processes away at once would make an outage of the images one of the site.
// Uploads answer 503 by themselves then, and say why in the log.
func (s *S3) Ready(context.Context) error {
	if err := s.unready.Load(); err != nil {
		return *err
	}
	return nil
}

// Watch asks for the bucket until it answers well, and logs what is wrong whenever
// that changes. It returns when ctx ends at the latest.
func (s *S3) Watch(ctx context.Context, log *slog.Logger) {
	s.watch(ctx, log, checkEvery)
}

func (s *S3) watch(ctx context.Context, log *slog.Logger, every time.Duration) {
	said := ""
	for ctx.Err() == nil {
		err := s.check(ctx)
		if err == nil {
			log.Info("uploads: the bucket answers", "endpoint", s.endpoint, "bucket", s.bucket)
			return
		}
		if words := err.Error(); words != said && ctx.Err() == nil {
			log.Error("uploads answer 503 until S3 does", "ready", s.Ready(ctx) == nil, "error", err)
			said = words
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// check asks for the bucket and notes whether it refuses. A listing is asked for
// because it is answered with a reason, which a HEAD is not.
func (s *S3) check(ctx context.Context) error {
	_, err := s.listNotes(ctx, "", 1)
	failure := s.failure(ctx, err)
	_, refused := refusals[codeOf(err)]
	switch {
	case !refused:
		s.unready.Store(nil)
	case s.unready.Load() != nil: // who has been ready stays so
		s.unready.Store(&failure)
	}
	return failure
}

// answerOf returns what S3 answered, the zero value if it did not.
func answerOf(err error) minio.ErrorResponse {
	r, _ := errors.AsType[minio.ErrorResponse](err)
	return r
}

// codeOf returns the code of a failure by which refusals knows it, else S3's own.
func codeOf(err error) string {
	r := answerOf(err)
	if _, known := refusals[r.Code]; known || outOfRoom[r.Code] {
		return r.Code
	}
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return "PermanentRedirect"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "AccessDenied"
	}
	return r.Code
}

// refusals are S3's codes that only somebody who changes something makes go away, and
// what that is.
var refusals = map[string]string{
	"NoSuchBucket":                 "存储桶不存在，请先创建它，或检查 UPLOADS",
	"InvalidBucketName":            "存储桶名称不被接受，请检查 UPLOADS",
	"InvalidAccessKeyId":           "密钥不被接受，请检查 S3_ACCESS_KEY",
	"XAdminUserNotFound":           "密钥不被接受，请检查 S3_ACCESS_KEY", // versitygw's
	"SignatureDoesNotMatch":        "签名不被接受，请检查 S3_SECRET_KEY 与 S3_REGION",
	"AccessDenied":                 "没有权限，请为 S3_ACCESS_KEY 授予读取、写入、删除与列出对象的权限",
	"AllAccessDisabled":            "存储桶已被停用，请联系对象存储的管理员",
	"AuthorizationHeaderMalformed": "区域不对，请检查 S3_REGION",
	"InvalidRegion":                "区域不对，请检查 S3_REGION",
	"PermanentRedirect":            "存储桶在别的区域，请检查 S3_REGION 与 S3_ENDPOINT",
	"SecondLevelDomainForbidden":   hostWanted, // Alibaba's
	"PathStyleDomainForbidden":     hostWanted, // Tencent's
	"VirtualHostDomainRequired":    hostWanted, // Huawei's
	"RequestTimeTooSkewed":         "本机时钟与对象存储相差太大，请校准时间",
}

const hostWanted = "此服务要求域名方式的地址，请设置 S3_ADDRESSING=host"

// outOfRoom are S3's codes for a bucket that is full.
var outOfRoom = map[string]bool{
	"QuotaExceeded": true, "XMinioStorageFull": true, "XMinioAdminBucketQuotaExceeded": true, "InsufficientStorage": true,
}

// advice says in a sentence what is wrong and what to do. It holds nothing of what err
// says, and so nothing of a secret.
func advice(err error) string {
	if words, ok := refusals[codeOf(err)]; ok {
		return words
	}
	r := answerOf(err)
	if outOfRoom[r.Code] {
		return "空间已满，请清理存储桶或提高其配额"
	}
	if r.StatusCode != 0 {
		return fmt.Sprintf("以 %d 拒绝了请求，请检查对象存储的状态", r.StatusCode)
	}
	if isTLS(err) {
		return "无法建立安全连接，请检查 S3_ENDPOINT 的协议（http 或 https）与证书"
	}
	if isSlow(err) {
		return "没有及时回答，请检查 S3_ENDPOINT、网络与对象存储的状态"
	}
	return "无法连接，请检查 S3_ENDPOINT、网络与对象存储的状态"
}

// isSlow reports whether something has been waited for in vain.
func isSlow(err error) bool {
	wait, ok := errors.AsType[net.Error](err)
	return ok && wait.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errStalled)
}

// isTLS reports whether the two sides cannot agree on how to speak in private.
func isTLS(err error) bool {
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return cert || record || unknown || errors.Is(err, http.ErrSchemeMismatch)
}
