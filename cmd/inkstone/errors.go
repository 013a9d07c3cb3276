package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"inkstone/internal/blog"
)

// words are the failures that a command's user can do something about.
var words = map[blog.Code]string{
	blog.CodeUserNotFound:  "没有这个用户，请检查邮箱",
	blog.CodeEmailTaken:    "邮箱已被注册",
	blog.CodeUsernameTaken: "用户名已被使用",
	blog.CodeLastAdmin:     "至少需要保留一位管理员",
	blog.CodeUnavailable:   "数据库正忙或无法访问，请稍后再试，并检查 DATABASE_URL 与数据目录的权限",
	blog.CodeStorageFull:   "磁盘空间不足",
}

var fieldWords = map[string]string{
	"username": "用户名应为 3 到 20 个字符",
	"email":    "邮箱格式不正确",
	"password": "密码至少 6 个字符、最多 72 个字节",
}

// explain turns an error into lines for people.
func explain(err error) string {
	if errors.Is(err, context.Canceled) { // by a signal: nothing else ends a command's context
		return "已中断"
	}
	e, ok := errors.AsType[*blog.Error](err)
	if !ok {
		return err.Error()
	}
	if text, ok := words[e.Code]; ok {
		return text
	}
	if e.Code == blog.CodeInvalid {
		text := ""
		for _, f := range e.Fields {
			text += fieldWords[f.Name] + "\n"
		}
		return text
	}
	return err.Error()
}

// wrongFlag says what pflag's errors say.
func wrongFlag(err error) string {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return "没有选项 " + dashed(e.GetSpecifiedName(), e.GetSpecifiedShortnames())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return "选项 --" + e.GetFlag().Name + " 缺少值"
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Sprintf("选项 --%s 的值 %q 无效", e.GetFlag().Name, e.GetValue())
	}
	return "选项有误（" + err.Error() + "）"
}

// dashed writes a flag as it was given: alone, or among the one-letter ones of shorts.
func dashed(name, shorts string) string {
	if shorts != "" {
		return "-" + name
	}
	return "--" + name
}
