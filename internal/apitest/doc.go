// Package apitest is the black-box suite: what a client can rely on, case by
// case, over HTTP against a running instance.
//
// Every case runs in every environment of environments (environment_test.go),
// and every answer of every case is held against api/openapi.yaml, see
// contract_test.go. A file per resource; a test is named by the promise it
// keeps. crash_test.go kills the real binary. It owns no helpers for other
// packages and is imported by none.
//
// Where to find what the original application is measured by:
//
//	its integration tests       TestTheOriginalsIntegrationTests   auth_test.go
//	its unit tests              TestTheOriginalsUnitTests          auth_test.go
//	its defects, one by one     TestTheOriginalsDefectsAreGone     defects_test.go
//	  login told who exists     TestLoginTakesAsLongForUnknownWrongAndDisabled
//	  a cut-off upload          TestACutOffUploadLeavesNothingAndTheServerLives
//	  health checked nothing    TestReadinessTellsWhatIsMissing (internal/web)
//	its tokens                  TestATokenOfTheOriginalIsAccepted, TestAPasswordChangeEndsTokensOfTheOriginal
//
// and where bad input is:
//
//	over the limit              TestBodiesOverTheLimitAreRefused
//	deep, doubled, not UTF-8    TestJSONIsReadStrictly
//	NUL and lone surrogates     TestTextsThatNoDatabaseKeepsAreRefused
//	1 MB queries, huge numbers  TestHugeQueriesAndNumbersAreAnswered
//	operators and arrays        TestAParameterTwiceOrAsAnArrayOrAnOperatorIsRefused
//	headers in file names       TestAFileNameReachesNeitherHeadersNorTheFolder
//	rubbish in every field      TestNoRubbishAnywhereGivesA5xx
package apitest
