package web

import (
	"net/http"

	"inkstone/internal/blog"
)

// row is what a client is told about a code.
type row struct {
	status int
	zh, en string
}

// codes has one row for every blog.Code.
var codes = map[blog.Code]row{
	blog.CodeInvalid:              {http.StatusBadRequest, "数据验证失败", "Validation failed"},
	blog.CodeInvalidSort:          {http.StatusBadRequest, "排序字段无效", "Invalid sort field"},
	blog.CodeInvalidJSON:          {http.StatusBadRequest, "请求体不是有效的 JSON", "The request body is not valid JSON"},
	blog.CodeBodyTooLarge:         {http.StatusRequestEntityTooLarge, "请求体过大", "The request body is too large"},
	blog.CodeUnsupportedMediaType: {http.StatusUnsupportedMediaType, "不支持的内容类型", "Unsupported media type"},
	blog.CodeBadRequest:           {http.StatusBadRequest, "请求无效", "Bad request"},

	blog.CodeTokenMissing:   {http.StatusUnauthorized, "访问令牌缺失", "Access token missing"},
	blog.CodeTokenInvalid:   {http.StatusUnauthorized, "无效的访问令牌", "Invalid access token"},
	blog.CodeTokenExpired:   {http.StatusUnauthorized, "访问令牌已过期", "Access token expired"},
	blog.CodeUserDisabled:   {http.StatusUnauthorized, "用户不存在或已被禁用", "The user does not exist or is disabled"},
	blog.CodeBadCredentials: {http.StatusUnauthorized, "邮箱或密码错误", "Wrong email or password"},
	blog.CodeForbidden:      {http.StatusForbidden, "权限不足", "Insufficient permissions"},
	blog.CodeNotOwner:       {http.StatusForbidden, "无权访问此资源", "You may not access this resource"},

	blog.CodeEmailTaken:    {http.StatusBadRequest, "邮箱已被注册", "The email is already registered"},
	blog.CodeUsernameTaken: {http.StatusBadRequest, "用户名已被使用", "The username is already taken"},
	blog.CodeWrongPassword: {http.StatusBadRequest, "当前密码错误", "The current password is wrong"},
	blog.CodeLastAdmin:     {http.StatusConflict, "至少需要保留一位管理员", "At least one administrator must remain"},
	blog.CodeUserNotFound:  {http.StatusNotFound, "用户不存在", "User not found"},

	blog.CodePostNotFound:     {http.StatusNotFound, "文章不存在", "Post not found"},
	blog.CodePostForbidden:    {http.StatusForbidden, "无权访问此文章", "You may not access this post"},
	blog.CodePostChanged:      {http.StatusPreconditionFailed, "文章已被修改，请刷新后重试", "The post has been changed; reload it and try again"},
	blog.CodePostNotPublished: {http.StatusConflict, "只有已发布的文章可以评论", "Only published posts take comments"},
	blog.CodeCommentNotFound:  {http.StatusNotFound, "评论不存在", "Comment not found"},

	blog.CodeFileNotFound:   {http.StatusNotFound, "文件不存在", "File not found"},
	blog.CodeFileRange:      {http.StatusRequestedRangeNotSatisfiable, "请求的范围无效", "The range cannot be served"},
	blog.CodeUploadType:     {http.StatusBadRequest, "只支持 JPEG、PNG、GIF、WebP 格式的图片", "Only JPEG, PNG, GIF and WebP images are supported"},
	blog.CodeUploadTooLarge: {http.StatusBadRequest, "文件大小超过限制（5MB）", "The file exceeds the limit of 5 MB"},
	blog.CodeUploadTooMany:  {http.StatusBadRequest, "文件数量超过限制（5个）", "More than 5 files"},
	blog.CodeUploadMissing:  {http.StatusBadRequest, "请选择要上传的文件", "Choose a file to upload"},
	blog.CodeUploadInvalid:  {http.StatusBadRequest, "上传请求无效", "Invalid upload request"},
	blog.CodeUploadQuota:    {http.StatusForbidden, "上传空间已用完", "The upload quota is used up"},

	blog.CodeRateLimited:      {http.StatusTooManyRequests, "请求过于频繁，请稍后再试", "Too many requests, try again later"},
	blog.CodeRouteNotFound:    {http.StatusNotFound, "接口不存在", "No such route"},
	blog.CodeMethodNotAllowed: {http.StatusMethodNotAllowed, "请求方法不被允许", "Method not allowed"},

	blog.CodeInternal:    {http.StatusInternalServerError, "服务器内部错误", "Internal server error"},
	blog.CodeBusy:        {http.StatusServiceUnavailable, "服务繁忙，请稍后再试", "The service is busy, try again later"},
	blog.CodeUnavailable: {http.StatusServiceUnavailable, "服务暂时不可用", "The service is temporarily unavailable"},
	blog.CodeStorageFull: {http.StatusInsufficientStorage, "存储空间不足", "Insufficient storage"},

	blog.CodeBadGateway:       {http.StatusBadGateway, "网关错误", "Bad gateway"},
	blog.CodeGatewayTimeout:   {http.StatusGatewayTimeout, "网关超时", "Gateway timeout"},
	blog.CodeInstanceNotFound: {http.StatusNotFound, "实例不存在", "No such instance"},
}

// retryLater is the message beside a failure that is the server's.
var retryLater = [2]string{"请稍后重试", "Please try again later"}

// upstreamFailed is that beside CodeBadGateway.
var upstreamFailed = [2]string{"上游服务不可用", "The upstream service is unavailable"}

// rules has the words, Chinese and English, of every blog.Rule.
var rules = map[blog.Rule][2]string{
	blog.RuleType:    {"字段类型不正确", "The field has the wrong type"},
	blog.RuleObject:  {"请求体必须是 JSON 对象", "The request body must be a JSON object"},
	blog.RuleUnknown: {"不支持的字段", "Unknown field"},
	blog.RuleText:    {"包含无效字符", "Contains invalid characters"},
	blog.RuleQuery:   {"查询参数无效", "Invalid query parameter"},
	blog.RuleTwice:   {"参数重复或形式无效", "Given more than once or in a form that is not supported"},
	blog.RuleID:      {"ID 格式不正确", "Malformed id"},

	blog.RuleUsernameRequired: {"用户名不能为空", "The username is required"},
	blog.RuleUsernameShort:    {"用户名至少3个字符", "The username needs at least 3 characters"},
	blog.RuleUsernameLong:     {"用户名最多20个字符", "The username may have at most 20 characters"},
	blog.RuleEmailRequired:    {"邮箱不能为空", "The email is required"},
	blog.RuleEmailFormat:      {"邮箱格式不正确", "Malformed email"},
	blog.RulePasswordRequired: {"密码不能为空", "The password is required"},
	blog.RulePasswordShort:    {"密码至少6个字符", "The password needs at least 6 characters"},
	blog.RulePasswordLong:     {"密码最多72个字节", "The password may have at most 72 bytes"},
	blog.RuleAvatar:           {"头像地址无效", "Invalid avatar address"},
	blog.RuleNameLong:         {"姓名过长", "The name is too long"},
	blog.RuleBioLong:          {"个人简介最多500个字符", "The bio may have at most 500 characters"},
	blog.RuleWebsite:          {"网站地址无效", "Invalid website address"},
	blog.RuleLocationLong:     {"所在地过长", "The location is too long"},
	blog.RuleRole:             {"角色无效", "Invalid role"},

	blog.RuleTitleRequired:    {"标题不能为空", "The title is required"},
	blog.RuleTitleLong:        {"标题最多100个字符", "The title may have at most 100 characters"},
	blog.RuleContentRequired:  {"内容不能为空", "The content is required"},
	blog.RuleExcerptLong:      {"摘要最多200个字符", "The excerpt may have at most 200 characters"},
	blog.RuleCategoryRequired: {"分类不能为空", "The category is required"},
	blog.RuleCategory:         {"分类无效", "Invalid category"},
	blog.RuleTagsMany:         {"标签最多20个", "At most 20 tags"},
	blog.RuleTag:              {"标签须为1到50个字符，不能有逗号", "A tag has 1 to 50 characters and no comma"},
	blog.RuleCoverImage:       {"封面图片地址无效", "Invalid cover image address"},
	blog.RuleStatus:           {"状态无效", "Invalid status"},

	blog.RuleCommentRequired: {"评论内容不能为空", "The comment is empty"},
	blog.RuleCommentLong:     {"评论最多1000个字符", "A comment may have at most 1000 characters"},
	blog.RuleParent:          {"回复的评论不存在", "The comment replied to does not exist"},
	blog.RulePostRequired:    {"文章不能为空", "The post is required"},

	blog.RuleSort:   {"排序字段无效", "Invalid sort field"},
	blog.RulePage:   {"页码必须是正整数", "The page must be a positive whole number"},
	blog.RuleLimit:  {"每页数量必须是整数", "The limit must be a whole number"},
	blog.RuleKinds:  {"语句种数必须是整数", "The limit must be a whole number"},
	blog.RuleCursor: {"分页游标无效", "Invalid cursor"},
	blog.RuleDate:   {"日期格式不正确", "Malformed date"},
}

// named rules are told with the field's name behind the words, as only that says what is meant.
var named = map[blog.Rule]bool{
	blog.RuleType: true, blog.RuleUnknown: true, blog.RuleText: true, blog.RuleQuery: true, blog.RuleTwice: true, blog.RuleID: true,
}
