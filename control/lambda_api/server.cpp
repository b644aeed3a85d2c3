#include "control/lambda_api/server.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "control/admin/connection.hpp"
#include "control/admin/tls.hpp"
#include "control/lambda_api/gate.hpp"

// After ours: <resolv.h>, which httplib includes, defines a macro STATUS.
#include <httplib.h>

#include "control/admin/pool.hpp"
#include "control/admin/running.hpp"

namespace skerry::lambda_api {
namespace {

// A UUID of version 4, as AWS's are. Nobody guesses anything by it.
std::string new_request_id() {
    thread_local std::mt19937_64 random{std::random_device{}()};
    char text[40];
    const std::uint64_t high = (random() & ~0xf000ull) | 0x4000;
    const std::uint64_t low = (random() & ~0ull >> 2) | 1ull << 63;
    snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
             static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xffff),
             static_cast<unsigned>(low >> 48),
             static_cast<unsigned long long>(low & 0xffffffffffff));
    return text;
}

void send_answer(const Answer& answer, httplib::Response& response) {
    response.status = answer.status;
    response.set_header("x-amzn-RequestId", new_request_id());
    if (!answer.error_type.empty()) response.set_header("x-amzn-ErrorType", answer.error_type);
    if (!answer.body.empty()) response.set_content(answer.body, "application/json");
}

// Reads the body through the content reader alone, as control/admin does.
Answer judge(Gate& gate, Gate::Visit& visit, Request& request,
             const httplib::ContentReader& reader) {
    bool too_large = false;
    const bool whole = reader([&](const char* data, std::size_t length) {
        too_large = request.body.size() + length > visit.body_bytes_max;
        if (too_large) return false;
        request.body.append(data, length);
        visit.proof.update({data, length});
        return true;
    });
    Answer refusal;
    if (!whole)
        return error_answer(413, "RequestEntityTooLargeException",
                            too_large ? "Request must be smaller than " +
                                            std::to_string(visit.body_bytes_max) + " bytes"
                                      : "the body did not come whole");
    (void)gate.finish(visit, request, refusal);
    return refusal;
}

Answer answer_to(const httplib::Request& said, const httplib::ContentReader* reader, Gate& gate,
                 Functions& functions) {
    std::array<auth::Field, auth::kFieldsMax> fields;
    std::size_t count = 0;
    for (const auto& [name, value] : said.headers) {
        // httplib's own, of the connection.
        if (name == "REMOTE_ADDR" || name == "REMOTE_PORT" || name == "LOCAL_ADDR" ||
            name == "LOCAL_PORT")
            continue;
        if (count == fields.size())
            return error_answer(431, "InvalidRequestContentException", "too many fields");
        fields[count++] = {name, value};
    }
    Request request{said.method, said.target, {}, nullptr, {}};
    const std::string_view target = request.target;
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
    Gate::Visit visit;
    Answer refusal;
    if (!gate.begin({request.method, path, query, {fields.data(), count}}, visit, request, refusal))
        return refusal;
    if (reader != nullptr) {
        refusal = judge(gate, visit, request, *reader);
    } else {
        (void)gate.finish(visit, request, refusal);
    }
    return refusal.error_type.empty() ? handle(request, functions) : refusal;
}

void set_up(httplib::Server& server, const std::shared_ptr<Gate>& gate, Functions& functions) {
    server.new_task_queue = [] { return new admin::Pool; };
    server.set_payload_max_length(kBodyBytesMax);
    server.set_keep_alive_max_count(1);
    server.set_pre_routing_handler([gate, &functions](const auto& request, auto& response) {
        if (request.method != "GET") return httplib::Server::HandlerResponse::Unhandled;
        send_answer(answer_to(request, nullptr, *gate, functions), response);
        return httplib::Server::HandlerResponse::Handled;
    });
    const httplib::Server::HandlerWithContentReader with_body =
        [gate, &functions](const httplib::Request& request, httplib::Response& response,
                           const httplib::ContentReader& reader) {
            if (request.is_multipart_form_data())
                return send_answer(error_answer(415, "UnsupportedMediaTypeException", "not a form"),
                                   response);
            send_answer(answer_to(request, &reader, *gate, functions), response);
        };
    server.Post(".*", with_body);
    server.Put(".*", with_body);
    server.Patch(".*", with_body);
    server.Delete(".*", with_body);
    server.set_exception_handler([](const auto&, auto& response, std::exception_ptr) {
        send_answer(error_answer(500, "ServiceException", "an exception"), response);
    });
    // What httplib refuses by itself.
    server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
        if (!response.body.empty()) return;
        const char* type = response.status == 413 ? "RequestEntityTooLargeException"
                                                  : "InvalidRequestContentException";
        send_answer(
            error_answer(response.status, type, "HTTP status " + std::to_string(response.status)),
            response);
    });
}

}  // namespace

Result<std::unique_ptr<admin::Server>> start(const std::string& listen,
                                             const std::string& signing_region,
                                             Functions& functions) {
    const auto where = admin::split_host_port(listen);
    if (!where) return Error{EINVAL, "lambda_api.listen: " + where.error().text};
    auto http = std::make_unique<admin::HttpServer>();
    set_up(*http, std::make_shared<Gate>(functions, signing_region), functions);
    http->set_socket_options(admin::set_tcp_options);
    errno = 0;
    if (!http->bind(where->host, where->port)) return errno_error("bind " + listen);
    auto running = std::make_unique<admin::Running>(std::move(http));
    if (Status started = running->run(); !started) return started.error();
    return std::unique_ptr<admin::Server>(std::move(running));
}

}  // namespace skerry::lambda_api
