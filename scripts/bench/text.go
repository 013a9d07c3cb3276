package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The words that the searches look for: one that half of all posts hold, one of three
// characters that nine tenths do if they have 3 KB, and one that stands in ten posts, however
// many there are.
const (
	commonWord   = "缓存"
	commonPhrase = "浏览器"
	rareWord     = "朱砂印泥"
	rarePosts    = 10
)

// vocabulary is what the articles are made of: enough words that the pairs of
// characters across word borders are as many as in real texts.
var vocabulary = strings.Fields(`
服务 系统 数据 架构 开发 测试 部署 监控 日志 网关 路由 请求 响应 接口 协议 消息 队列 事务 索引 查询 存储 节点 集群 容器 镜像 配置
线程 协程 内存 磁盘 网络 延迟 吞吐 并发 锁 超时 重试 熔断 限流 降级 扩容 迁移 备份 恢复 版本 分支 合并 提交 代码 函数 变量 类型
对象 方法 模块 组件 框架 平台 工具 文档 社区 开源 贡献 问题 方案 设计 实现 优化 性能 安全 权限 用户 密码 令牌 会话 页面 浏览器
时间 空间 复杂度 算法 结构 链表 数组 哈希 排序 搜索 分词 词典 语言 编译 运行 调试 异常 错误 原因 结果 过程 阶段 目标 计划 团队
我们 他们 这个 那个 可以 需要 因为 所以 如果 但是 然后 首先 其次 最后 一个 一些 多个 所有 每次 通常 往往 可能 必须 应该 已经 正在
读者 作者 文章 标题 评论 标签 分类 教程 生活 思考 技术 学习 经验 总结 实践 案例 业务 场景 需求 产品 上线 发布 回滚 灰度 流量 机房
春天 山水 笔墨 纸砚 书法 茶馆 城市 街道 朋友 旅行 早晨 夜晚 雨声 灯光 图书馆 火车 河流 海边 故事 记忆 少年 时代 变化 世界 未来
把 在 与 和 的 了 是 不 也 就 都 而 及 从 到 对 为 以 将 被 让 使 用 按 由 于 向 更 最 很 再 又 还 只 才 能 会 要 想 看 说 做
Go Redis HTTP JSON SQL Kubernetes Docker Linux gRPC TCP v2 API`)

// article returns the i-th post's title and content, of that many bytes or a little more;
// the same i gives the same text.
func article(i, bytes int) (title, content string) {
	r := rand.New(rand.NewPCG(uint64(i), 2026))
	var b strings.Builder
	for b.Len() < bytes {
		for range 6 + r.IntN(12) {
			b.WriteString(vocabulary[r.IntN(len(vocabulary))])
		}
		b.WriteString([]string{"，", "。", "；", "。\n\n"}[r.IntN(4)])
	}
	if i%2 == 0 {
		b.WriteString(commonWord)
	}
	if i%97 == 0 && i < 97*rarePosts {
		b.WriteString(rareWord)
	}
	word := func() string { return vocabulary[r.IntN(len(vocabulary))] }
	return fmt.Sprintf("第%d篇：%s%s%s", i, word(), word(), word()), b.String()
}
