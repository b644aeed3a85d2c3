#include "sandbox/runtime_api/answers.hpp"

#include <algorithm>

namespace skerry::runtime_api {
namespace {

std::string_view reason_phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 202:
            return "Accepted";
        case 400:
            return "Bad Request";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 413:
            return "Request Entity Too Large";
        case 414:
            return "URI Too Long";
        case 417:
            return "Expectation Failed";
        case 431:
            return "Request Header Fields Too Large";
        case 501:
            return "Not Implemented";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Error";
    }
}

void end_head(Writer& to, std::uint64_t body_bytes, bool keep_alive) {
    to << "Content-Length: " << body_bytes << "\r\n";
    if (!keep_alive) to << "Connection: close\r\n";
    to << "\r\n";
}

// A caller's bytes: none of them may end the line, or the head. In JSON what is replaced here is
// white space between tokens, so it says the same afterwards.
void write_as_field(Writer& to, std::string_view text) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && !is_control(text[plain])) ++plain;
        to << text.substr(0, plain);
        if (plain < text.size()) to << " ";
        text.remove_prefix(std::min(text.size(), plain + 1));
    }
}

}  // namespace

void write_answer(Writer& to, int status, std::string_view body, bool keep_alive,
                  std::string_view more_headers) {
    to << "HTTP/1.1 " << static_cast<std::uint64_t>(status) << " " << reason_phrase(status)
       << "\r\nContent-Type: "
       << (!body.empty() && body.front() == '{' ? "application/json" : "text/plain") << "\r\n"
       << more_headers;
    end_head(to, body.size(), keep_alive);
    to << body;
}

void write_error(Writer& to, int status, std::string_view type, std::string_view message,
                 bool keep_alive) {
    char body[256];
    Writer text(body, sizeof body);
    text << R"({"errorMessage":")" << message << R"(","errorType":")" << type << R"("})";
    write_answer(to, status, {body, text.size()}, keep_alive);
}

void write_next_head(Writer& to, const Grant& grant, std::string_view function_arn,
                     bool keep_alive) {
    to << "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: ";
    to.uuid(grant.request_id_hi, grant.request_id_lo)
        << "\r\nLambda-Runtime-Deadline-Ms: " << grant.deadline_unix_ms
        << "\r\nLambda-Runtime-Invoked-Function-Arn: " << function_arn
        << "\r\nLambda-Runtime-Invocation-Id: ";
    to.hex(grant.attempt, 16) << "\r\n";
    if ((grant.trace_id_hi | grant.trace_id_lo) != 0) {
        to << "Lambda-Runtime-Trace-Id: Root=1-";
        to.hex(grant.trace_id_hi >> 32, 8) << "-";
        to.hex(grant.trace_id_hi, 8).hex(grant.trace_id_lo, 16) << ";Sampled=0\r\n";
    }
    if (grant.context_bytes != 0) {
        to << "Lambda-Runtime-Client-Context: ";
        write_as_field(to, {reinterpret_cast<const char*>(grant.payload) + grant.payload_bytes,
                            grant.context_bytes});
        to << "\r\n";
    }
    end_head(to, grant.payload_bytes, keep_alive);
}

void write_assignment_head(Writer& to, std::uint64_t body_bytes, bool keep_alive) {
    to << "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n";
    end_head(to, body_bytes, keep_alive);
}

}  // namespace skerry::runtime_api
