package gateway

import (
	"context"
	"errors"
	"net/http"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// verdictOf is what the end of a try, an answer or an error, says of the instance. What the client
// did, as breaking off or sending rubbish, says nothing: else a stranger could have all of them
// left out. Nor does a refusal for want of room.
func verdictOf(reply *reply, err error) verdict {
	switch {
	case err == nil && isFailure(reply):
		return failed
	case err == nil && reply.status == http.StatusServiceUnavailable:
		return unjudged
	case err == nil:
		return fine
	case errors.Is(err, errRefused):
		return refused
	case errors.Is(err, errBroken): // a time-out is one
		return failed
	}
	return unjudged
}

// isFailure tells whether an answer is one of who can't do what it is there for.
func isFailure(reply *reply) bool {
	switch reply.status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	case http.StatusServiceUnavailable:
		return reply.get(web.BusyHeader) == ""
	}
	return false
}

// worthAnother tells whether another instance might do better. One that says when to come back is
// taken at its word.
func worthAnother(reply *reply, err error) bool {
	if err != nil {
		return errors.Is(err, errNotSent) || errors.Is(err, errBroken)
	}
	return isFailure(reply) && reply.get("Retry-After") == ""
}

func statusOf(reply *reply) int {
	if reply == nil {
		return 0
	}
	return reply.status
}

// told is what the client is told instead of an answer.
func told(service string, err error) error {
	switch {
	case errors.Is(err, errNoInstance):
		return web.Away(service, err)
	case errors.Is(err, errClientBody) || errors.Is(err, errBadRequest):
		return blog.Wrap(blog.CodeBadRequest, err)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, errTimeout):
		return blog.Wrap(blog.CodeGatewayTimeout, err)
	}
	return blog.Wrap(blog.CodeBadGateway, err)
}
