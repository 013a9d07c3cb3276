package apitest

import (
	"testing"
)

func TestAProfileIsShownByWhoAsks(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		for name, c := range map[string]*client{"anonymous": s.Anyone, "other": other} {
			a := c.Get("/api/users/"+u.ID).Expect(200).Says("user.username", u.Name)
			if a.At("user.email") != nil || a.At("user.role") != nil || a.At("user.isActive") != nil {
				t.Errorf("%s sees %s", name, a.Body)
			}
		}
		for _, c := range []*client{u, s.Admin} {
			a := c.Get("/api/users/"+u.ID).Expect(200).Says("user.email", u.Email).Says("user.role", "user")
			if a.At("user.isActive") != true {
				t.Errorf("isActive: %s", a.Body)
			}
		}
	})
}

func TestAUserIsADocumentLikeOthers(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		path := "/api/users/" + u.ID
		for _, a := range []*answer{s.Anyone.Get(path), u.Get(path), u.Put("/api/users/me", object{}), s.Admin.Patch(path, object{"isActive": true})} {
			a.Expect(200).Says("user._id", u.ID).Says("user.id", u.ID)
			if a.Str("user.createdAt") == "" || a.Str("user.updatedAt") == "" {
				t.Errorf("%s: no times: %s", a.what, a.Body)
			}
		}
		s.Admin.Get("/api/users?sort=-createdAt").Expect(200).Says("users.0._id", u.ID)
		if a := u.Get("/api/auth/me").Expect(200); a.At("user._id") != nil || a.At("user.updatedAt") != nil {
			t.Errorf("the small form has grown: %s", a.Body)
		}
	})
}

func TestAnUnknownUserIsNotFoundWhateverTheId(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		for _, id := range []string{"000000000000000000000000", "1", "abc", "65F1C0FFEE0000000000A001", "%E7%A0%9A", "%25", repeat("a", 1000)} {
			s.Anyone.Get("/api/users/"+id).Refused(404, "USER_NOT_FOUND").Says("error", "用户不存在")
			s.Admin.Patch("/api/users/"+id, object{"isActive": true}).Refused(404, "USER_NOT_FOUND")
			s.Admin.Delete("/api/users/"+id).Refused(404, "USER_NOT_FOUND")
		}
	})
}

func TestAUserChangesOnlyWhatIsGivenOfHisProfile(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		profile := object{"firstName": "砚", "lastName": "墨", "bio": "写字", "website": "https://example.com/a", "location": "徽州"}
		u.Put("/api/users/me", object{"avatar": "https://example.com/a.png", "profile": profile}).Expect(200).
			Says("message", "资料更新成功").Says("user.fullName", "砚 墨").Says("user.username", u.Name)
		u.Put("/api/users/me", object{"profile": object{"bio": ""}}).Expect(200).
			Says("user.profile.bio", "").Says("user.profile.firstName", "砚").Says("user.avatar", "https://example.com/a.png")
		u.Put("/api/users/me", object{"username": "改了名的人", "email": "Renamed@example.com"}).Expect(200).
			Says("user.username", "改了名的人").Says("user.email", "renamed@example.com")
		s.Login("renamed@example.com", u.Password)

		post := u.Write("published", nil)
		s.Anyone.Get("/api/posts/"+post).Expect(200).Says("post.author.username", "改了名的人").Says("post.author.profile.firstName", "砚")
		u.Put("/api/users/me", object{"username": "又改了名"}).Expect(200)
		s.Anyone.Get("/api/posts/"+post).Expect(200).Says("post.author.username", "又改了名")
		s.Anyone.Get("/api/posts?author="+u.ID).Expect(200).Says("posts.0.author.username", "又改了名")
	})
}

func TestAProfileIsValidated(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		u.Put("/api/users/me", object{"email": other.Email}).Refused(400, "EMAIL_TAKEN")
		u.Put("/api/users/me", object{"username": other.Name}).Refused(400, "USERNAME_TAKEN")
		for _, bad := range []object{
			{"username": "一"}, {"username": ""}, {"email": "x"}, {"avatar": "javascript:alert(1)"}, {"role": "admin"}, {"isActive": true},
			{"profile": object{"bio": repeat("长", 501)}}, {"profile": object{"website": "ftp://example.com"}}, {"profile": object{"x": "y"}},
			{"profile": "text"}, {"profile": nil}, {"profile": []string{}}, {"username": nil}, {"username": 5},
		} {
			u.Put("/api/users/me", bad).Refused(400, "VALIDATION_FAILED")
		}
		u.Get("/api/auth/me").Expect(200).Says("user.username", u.Name).Says("user.role", "user")
	})
}

func TestAPasswordChangeEndsEveryOlderToken(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		second := s.Login(u.Email, u.Password)
		change := func(current, new string) *answer {
			return u.Put("/api/users/me/password", object{"currentPassword": current, "newPassword": new})
		}
		change("wrong", "新的密码很长").Refused(400, "WRONG_PASSWORD").Says("error", "当前密码错误")
		change(password, "12345").Refused(400, "VALIDATION_FAILED")
		change(password, repeat("墨", 25)).Refused(400, "VALIDATION_FAILED")
		a := change(password, "新的密码很长").Expect(200).Says("message", "密码修改成功")
		u.Get("/api/auth/me").Refused(401, "TOKEN_INVALID")
		second.Get("/api/auth/me").Refused(401, "TOKEN_INVALID")
		u.WithToken(a.Str("token")).Get("/api/auth/me").Expect(200)
		s.Anyone.Post("/api/auth/login", object{"email": u.Email, "password": password}).Refused(401, "BAD_CREDENTIALS")
		s.Login(u.Email, "新的密码很长")
	})
}

func TestAdminsListAndFilterUsers(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		first, second := s.User(), s.User()
		s.Admin.Patch("/api/users/"+second.ID, object{"isActive": false}).Expect(200).Says("message", "用户更新成功")
		s.Admin.Get("/api/users?limit=1&sort=createdAt").Expect(200).Counts("pagination.total", 3).Counts("pagination.pages", 3).Says("users.0.username", "掌柜的")
		s.Admin.Get("/api/users?role=admin").Expect(200).Counts("pagination.total", 1)
		s.Admin.Get("/api/users?isActive=false").Expect(200).Counts("pagination.total", 1).Says("users.0.id", second.ID)
		s.Admin.Get("/api/users?search="+first.Name[:6]).Expect(200).Counts("pagination.total", 2)
		s.Admin.Get("/api/users?search=%25").Expect(200).Counts("pagination.total", 0)
		s.Admin.Get("/api/users?sort=passwordHash").Refused(400, "INVALID_SORT").Says("error", "排序字段无效")
		for _, q := range []string{"role=god", "isActive=maybe", "page=0", "limit=x", "role[$ne]=user", "search=a&search=b"} {
			s.Admin.Get("/api/users?"+q).Refused(400, "VALIDATION_FAILED")
		}
		first.Get("/api/users").Refused(403, "FORBIDDEN").Says("error", "权限不足")
		s.Anyone.Get("/api/users").Refused(401, "TOKEN_MISSING")
	})
}

func TestADisabledOrDemotedUserLosesHisRightsAtOnce(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		s.Admin.Patch("/api/users/"+u.ID, object{"role": "admin"}).Expect(200).Says("user.role", "admin")
		u.Get("/api/users").Expect(200)
		s.Admin.Patch("/api/users/"+u.ID, object{"role": "user"}).Expect(200)
		u.Get("/api/users").Refused(403, "FORBIDDEN")
		s.Admin.Patch("/api/users/"+u.ID, object{"isActive": false}).Expect(200)
		u.Get("/api/auth/me").Refused(401, "USER_DISABLED").Says("error", "用户不存在或已被禁用")
		u.Get("/api/posts").Refused(401, "USER_DISABLED")
		u.Post("/api/posts", article("draft", nil)).Refused(401, "USER_DISABLED")
	})
}

func TestOneActiveAdminAlwaysStays(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		lastAdmin := func(a *answer) { a.Refused(409, "LAST_ADMIN").Says("error", "至少需要保留一位管理员") }
		lastAdmin(s.Admin.Patch("/api/users/"+s.Admin.ID, object{"role": "user"}))
		lastAdmin(s.Admin.Patch("/api/users/"+s.Admin.ID, object{"isActive": false}))
		lastAdmin(s.Admin.Delete("/api/users/" + s.Admin.ID))
		u := s.User()
		s.Admin.Patch("/api/users/"+u.ID, object{"role": "admin"}).Expect(200)
		s.Admin.Patch("/api/users/"+s.Admin.ID, object{"role": "user"}).Expect(200)
		lastAdmin(u.Delete("/api/users/" + u.ID))
	})
}

func TestDeletingAUserTakesAllHeWroteAlong(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		own, others := u.Write("published", object{"tags": []string{"将逝"}}), other.Write("published", nil)
		other.Comment(own, "别人的评论")
		answered, lone := u.Comment(others, "有人回复"), u.Comment(others, "没人回复")
		other.Reply(others, answered, "回复")
		u.Post("/api/posts/"+others+"/like", nil).Expect(200).Counts("likeCount", 1)

		other.Delete("/api/users/"+u.ID).Refused(403, "NOT_OWNER")
		s.Anyone.Delete("/api/users/"+u.ID).Refused(401, "TOKEN_MISSING")
		u.Delete("/api/users/"+u.ID).Expect(200).Says("message", "用户已删除")

		u.Get("/api/auth/me").Refused(401, "USER_DISABLED")
		s.Anyone.Get("/api/users/"+u.ID).Refused(404, "USER_NOT_FOUND")
		s.Anyone.Get("/api/posts/"+own).Refused(404, "POST_NOT_FOUND")
		s.Anyone.Get("/api/posts?tags=将逝").Expect(200).Counts("pagination.total", 0)
		s.Anyone.Get("/api/comments/"+lone).Refused(404, "COMMENT_NOT_FOUND")
		if a := s.Anyone.Get("/api/comments/" + answered).Expect(200); a.At("comment.deleted") != true {
			t.Errorf("no shell: %s", a.Body)
		}
		s.Anyone.Get("/api/posts/"+others).Expect(200).Counts("post.likeCount", 0).Counts("post.commentCount", 1)
		s.Anyone.Post("/api/auth/register", object{"username": u.Name, "email": u.Email, "password": password}).Expect(201)
	})
}
