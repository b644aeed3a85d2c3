#include "tests/dataplane/http/cases.hpp"

namespace skerry::http::testing {
namespace {

const std::string kHost = "Host: a.example\r\n";

std::string get(const std::string& fields, const std::string& target = "/healthz") {
    return "GET " + target + " HTTP/1.1\r\n" + kHost + fields + "\r\n";
}
std::string post(const std::string& fields, const std::string& body) {
    return "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\n" + kHost + fields + "\r\n" +
           body;
}
std::string chunked(const std::string& body) {
    return post("Transfer-Encoding: chunked\r\n", body);
}

void good(std::vector<Case>& cases) {
    const auto add = [&](const char* name, std::string bytes, std::size_t requests = 1) {
        cases.push_back({name, std::move(bytes), Refusal::none, requests});
    };
    add("get", get(""));
    add("curl", post("User-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Length: 7\r\n"
                     "Content-Type: application/x-www-form-urlencoded\r\n",
                     "{\"a\":1}"));
    add("botocore",
        post("Accept-Encoding: identity\r\nUser-Agent: Boto3/1.26.27 Python/3.11.2 Linux/6.1\r\n"
             "X-Amz-Date: 20261128T200000Z\r\nX-Amz-Invocation-Type: RequestResponse\r\n"
             "Authorization: AWS4-HMAC-SHA256 Credential=x/20261128/us-east-1/lambda/aws4_request, "
             "SignedHeaders=host;x-amz-date, Signature=00\r\namz-sdk-request: attempt=1\r\n"
             "Content-Length: 2\r\n",
             "{}"));
    add("no-body", post("Content-Length: 0\r\n", ""));
    add("no-length", post("", ""));
    add("get-with-body", get("Content-Length: 3\r\n") + "abc");
    add("http-1.0", "GET /healthz HTTP/1.0\r\n\r\n");
    add("http-1.0-keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    add("close", get("Connection: close\r\n"));
    add("connection-list", get("Connection: , x ,,close\r\n"));
    add("expect", post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x"));
    add("absolute", get("", "http://b.example:80/x?y"));
    add("absolute-bare", get("", "http://b.example?y"));
    add("asterisk", "OPTIONS * HTTP/1.1\r\n" + kHost + "\r\n");
    add("authority", "CONNECT a.example:443 HTTP/1.1\r\n" + kHost + "\r\n");
    add("empty-line-first", "\r\n" + get(""));
    add("empty-host", "GET / HTTP/1.1\r\nHost:\r\n\r\n");
    add("host-ipv6", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n");
    add("white-space", "GET / HTTP/1.1\r\nHost: \t a.example \t\r\nX:\r\nY: a b\t c\r\n\r\n");
    add("high-bytes", get("X-Name: \xc3\xa9\xff\r\n"));
    add("odd-target", get("", "/a|b{c}%zz?\"<>^`\\[]"));
    add("long-name", get(std::string(300, 'n') + ": v\r\n"));
    add("pipelined", get("") + post("Content-Length: 2\r\n", "ab") + get(""), 3);
    add("pipelined-chunked", chunked("1\r\nx\r\n0\r\n\r\n") + get(""), 2);
    add("chunked", chunked("5\r\nhello\r\n0\r\n\r\n"));
    add("chunked-many", chunked("1\r\na\r\n2\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n"));
    add("chunked-zeros", chunked("0005\r\nhello\r\n0000\r\n\r\n"));
    add("chunked-crlf-content", chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"));
    add("chunked-case", post("transfer-ENCODING: Chunked\r\n", "b\r\n01234567890\r\n0\r\n\r\n"));
    add("extension", chunked("5;a;b=c;d=\"e;\\\"f\"\r\nhello\r\n0;z\r\n\r\n"));
    add("trailer", chunked("0\r\nX-Sum: 1\r\nY:\r\n\r\n"));
    add("trailer-length", chunked("0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"));
    add("length-tab", post("Content-Length: 3\t\r\n", "abc"));
    add("close-and-keep-alive",
        "GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n");
    add("length-zeros", post("Content-Length: 0003\r\n", "abc"));
    add("upgrade", get("Connection: Upgrade\r\nUpgrade: h2c\r\n"));
}

void bad_lines(std::vector<Case>& cases) {
    using enum Refusal;
    const auto add = [&](const char* name, std::string bytes, Refusal refusal) {
        cases.push_back({name, std::move(bytes), refusal, 0});
    };
    add("http-0.9", "GET /\r\n\r\n", bad_request_line);
    add("two-spaces", "GET  / HTTP/1.1\r\n" + kHost + "\r\n", bad_target);
    add("space-after-target", "GET /  HTTP/1.1\r\n" + kHost + "\r\n", bad_request_line);
    add("space-at-end", "GET / HTTP/1.1 \r\n" + kHost + "\r\n", bad_request_line);
    add("tab-between", "GET\t/ HTTP/1.1\r\n" + kHost + "\r\n", bad_request_line);
    add("space-first", " GET / HTTP/1.1\r\n" + kHost + "\r\n", bad_request_line);
    add("two-empty-lines", "\r\n\r\n" + get(""), bad_request_line);
    add("no-method", "/ HTTP/1.1\r\n" + kHost + "\r\n", bad_request_line);
    add("lower-version", "GET / http/1.1\r\n" + kHost + "\r\n", bad_request_line);
    add("long-version", "GET / HTTP/1.10\r\n" + kHost + "\r\n", bad_request_line);
    add("version-1.2", "GET / HTTP/1.2\r\n" + kHost + "\r\n", bad_version);
    add("http-2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad_version);
    add("http-3", "GET / HTTP/3.0\r\n" + kHost + "\r\n", bad_version);
    add("lower-method", "get / HTTP/1.1\r\n" + kHost + "\r\n", unknown_method);
    add("strange-method", "BREW /pot HTTP/1.1\r\n" + kHost + "\r\n", unknown_method);
    add("method-mark", "GE(T / HTTP/1.1\r\n" + kHost + "\r\n", bad_request_line);
    add("target-relative", "GET index.html HTTP/1.1\r\n" + kHost + "\r\n", bad_target);
    add("target-fragment", get("", "/a#b"), bad_target);
    add("target-high", get("", "/\xc3\xa9"), bad_target);
    add("target-asterisk", get("", "*"), bad_target);
    add("target-scheme", get("", "ftp://a.example/"), bad_target);
    add("target-no-authority", get("", "http:///x"), bad_target);
    add("target-user", get("", "http://u@a.example/x"), bad_target);
    add("connect-path", "CONNECT /x HTTP/1.1\r\n" + kHost + "\r\n", bad_target);
    add("tls", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), control_character);
    add("bare-lf", "GET / HTTP/1.1\nHost: a\n\n", bare_line_feed);
    add("bare-lf-field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", bare_line_feed);
    add("bare-lf-end", "GET / HTTP/1.1\r\nHost: a\r\n\n", bare_line_feed);
    add("lf-first", "\n" + get(""), bare_line_feed);
    add("bare-cr", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", bare_carriage_return);
    add("bare-cr-line", "GET / HTTP/1.1\rHost: a\r\n\r\n", bare_carriage_return);
    add("cr-cr-lf", "GET / HTTP/1.1\r\r\n" + kHost + "\r\n", bare_carriage_return);
    add("nul-value", "GET / HTTP/1.1\r\nHost: a" + std::string(1, '\0') + "b\r\n\r\n",
        control_character);
    add("nul-line", "GET /" + std::string(1, '\0') + " HTTP/1.1\r\n" + kHost + "\r\n",
        control_character);
    add("del-value", get("X: \x7f\r\n"), control_character);
    add("escape-value", get("X: \x1b[2J\r\n"), control_character);
    add("folded", get("X: a\r\n b\r\n"), folded_field);
    add("folded-tab", get("X: a\r\n\tb\r\n"), folded_field);
    add("folded-first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", folded_field);
}

void bad_fields(std::vector<Case>& cases) {
    using enum Refusal;
    const auto add = [&](const char* name, std::string bytes, Refusal refusal) {
        cases.push_back({name, std::move(bytes), refusal, 0});
    };
    add("space-before-colon", post("Content-Length : 3\r\n", "abc"), bad_field_name);
    add("tab-before-colon", post("Content-Length\t: 3\r\n", "abc"), bad_field_name);
    add("no-colon", get("X\r\n"), bad_field_name);
    add("no-name", get(": x\r\n"), bad_field_name);
    add("name-high", get("X\xff: x\r\n"), bad_field_name);
    add("name-mark", get("X(y): x\r\n"), bad_field_name);
    add("no-host", "GET / HTTP/1.1\r\n\r\n", no_host);
    add("two-hosts", get("Host: a.example\r\n"), many_hosts);
    add("two-hosts-1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", many_hosts);
    add("host-path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", bad_host);
    add("host-space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", bad_host);
    add("host-user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", bad_host);
    add("host-port", "GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n", bad_host);
    add("host-ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", bad_host);
    add("host-bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", bad_host);
    add("connection-mark", get("Connection: clo(se\r\n"), bad_connection);
    add("expectation", get("Expect: 200-ok\r\n"), bad_expectation);
    // Smuggling.
    add("two-lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), many_lengths);
    add("equal-lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), many_lengths);
    add("length-list", post("Content-Length: 3, 3\r\n", "abc"), bad_length);
    add("length-plus", post("Content-Length: +3\r\n", "abc"), bad_length);
    add("length-minus", post("Content-Length: -3\r\n", "abc"), bad_length);
    add("length-hex", post("Content-Length: 0x3\r\n", "abc"), bad_length);
    add("length-empty", post("Content-Length:\r\n", "abc"), bad_length);
    add("length-space", post("Content-Length: 3 3\r\n", "abc"), bad_length);
    add("length-fraction", post("Content-Length: 3.0\r\n", "abc"), bad_length);
    add("length-huge", post("Content-Length: 99999999999999999999999\r\n", "abc"), bad_length);
    add("length-wraps", post("Content-Length: 18446744073709551619\r\n", "abc"), bad_length);
    add("length-large", post("Content-Length: 6291457\r\n", "abc"), body_too_large);
    add("length-and-chunked",
        post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        length_and_coding);
    add("chunked-and-length",
        post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
        length_and_coding);
    add("chunked-twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), bad_coding);
    add("codings-two", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", ""),
        bad_coding);
    add("codings-chunked-two",
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        many_codings);
    add("coding-gzip-chunked", post("Transfer-Encoding: gzip, chunked\r\n", ""), unknown_coding);
    add("coding-chunked-gzip", post("Transfer-Encoding: chunked, gzip\r\n", ""), bad_coding);
    add("coding-identity", post("Transfer-Encoding: identity\r\n", ""), bad_coding);
    add("coding-mark", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), bad_coding);
    add("coding-vertical-tab",
        post("Transfer-Encoding: \x0b"
             "chunked\r\n",
             ""),
        control_character);
    add("coding-prefix", post("Transfer-Encoding: xchunked\r\n", ""), bad_coding);
    add("coding-parameter", post("Transfer-Encoding: chunked;q=1\r\n", ""), bad_coding);
    add("coding-empty", post("Transfer-Encoding:\r\n", ""), bad_coding);
    add("coding-1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        coding_in_1_0);
    add("connect-length", "CONNECT a:1 HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\n\r\nx",
        connect_with_body);
    add("post-1.0", "POST / HTTP/1.0\r\n\r\n", no_length);
}

void bad_bodies(std::vector<Case>& cases) {
    using enum Refusal;
    const auto add = [&](const char* name, const std::string& body, Refusal refusal) {
        cases.push_back({name, chunked(body), refusal, 0});
    };
    add("chunk-empty-size", "\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-plus", "+3\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-minus", "-3\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-0x", "0x3\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-space", " 3\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-space-after", "3 \r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-lf", "3\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-lf-after", "3\r\nabc\n0\r\n\r\n", bad_chunk);
    add("chunk-cr", "3\rabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-too-long", "3\r\nabcd\r\n0\r\n\r\n", bad_chunk);
    add("chunk-too-short", "4\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-no-hex", "g\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-many-digits", "0000000000000003\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("chunk-wraps", "10000000000000003\r\nabc\r\n0\r\n\r\n", body_too_large);
    add("chunk-large", "600001\r\nabc", body_too_large);
    add("chunks-large", "600000\r\n" + std::string(0x600000, 'x') + "\r\n1\r\n", body_too_large);
    add("extension-space", "3 ;a\r\nabc\r\n0\r\n\r\n", bad_chunk);
    add("extension-no-name", "3;\r\nabc\r\n0\r\n\r\n", bad_extension);
    add("extension-no-value", "3;a=\r\nabc\r\n0\r\n\r\n", bad_extension);
    add("extension-lf", "3;a\nabc\r\n0\r\n\r\n", bad_extension);
    add("extension-quoted-lf", "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n", bad_extension);
    add("extension-nul", "3;a=" + std::string(1, '\0') + "\r\nabc\r\n0\r\n\r\n", bad_extension);
    add("extension-after-quoted", "3;a=\"b\"c\r\nabc\r\n0\r\n\r\n", bad_extension);
    add("extension-long", "3;" + std::string(256, 'a') + "\r\nabc\r\n0\r\n\r\n",
        extension_too_long);
    std::string many;
    for (int i = 0; i < 50; ++i) many += "1;" + std::string(100, 'a') + "\r\nx\r\n";
    add("extensions-long", many, extension_too_long);
    add("trailer-folded", "0\r\nX: a\r\n b\r\n\r\n", bad_trailer);
    add("trailer-lf", "0\r\nX: a\nY: b\r\n\r\n", bad_trailer);
    add("trailer-space", "0\r\nX : a\r\n\r\n", bad_trailer);
    add("trailer-end", "0\r\n\rX\n", bad_trailer);
    add("trailer-no-colon", "0\r\nX\r\n\r\n", bad_trailer);
    add("trailer-nul", "0\r\nX: " + std::string(1, '\0') + "\r\n\r\n", bad_trailer);
    add("trailer-long", "0\r\nX: " + std::string(4096, 'a') + "\r\n\r\n", trailer_too_long);
    // What follows a body that was ended early is not a request.
    cases.push_back({"smuggled", chunked("0\r\n\r\n") + "X" + get(""), unknown_method, 1});
    cases.push_back(
        {"body-too-short", post("Content-Length: 1\r\n", "xx") + get(""), unknown_method, 1});
}

void limits(std::vector<Case>& cases) {
    using enum Refusal;
    const auto add = [&](const char* name, std::string bytes, Refusal refusal,
                         std::size_t requests) {
        cases.push_back({name, std::move(bytes), refusal, requests});
    };
    add("target-longest", get("", "/" + std::string(4095, 't')), none, 1);
    add("target-too-long", get("", "/" + std::string(4096, 't')), target_too_long, 0);
    add("target-endless", "GET /" + std::string(9000, 't'), target_too_long, 0);
    const std::string base = get("X: \r\n");
    add("head-longest", get("X: " + std::string(8192 - base.size(), 'x') + "\r\n"), none, 1);
    add("head-too-long", get("X: " + std::string(8193 - base.size(), 'x') + "\r\n"), head_too_long,
        0);
    std::string fields;
    for (int i = 0; i < 63; ++i) fields += "X: y\r\n";
    add("fields-most", get(fields), none, 1);
    add("fields-too-many", get(fields + "X: y\r\n"), too_many_fields, 0);
    cases.push_back({"unfinished-line", "GET / HT", none, 0});
    cases.push_back({"unfinished-head", "GET / HTTP/1.1\r\nHost: a\r\n", none, 0});
    cases.push_back({"unfinished-body", post("Content-Length: 5\r\n", "abc"), none, 0});
    cases.push_back({"unfinished-chunk", chunked("5\r\nabc"), none, 0});
    cases.push_back({"nothing", "", none, 0});
}

}  // namespace

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    good(cases);
    bad_lines(cases);
    bad_fields(cases);
    bad_bodies(cases);
    limits(cases);
    return cases;
}

}  // namespace skerry::http::testing
