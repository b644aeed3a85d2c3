#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "control/admin/api.hpp"
#include "control/admin/connection.hpp"
#include "control/admin/servers.hpp"
#include "control/admin/tls.hpp"
#include "control/catalog/artifacts.hpp"
#include "sandbox/base/unique_fd.hpp"

// After ours: <resolv.h>, which httplib includes, defines a macro STATUS.
#include <httplib.h>

#include "control/admin/pool.hpp"
#include "control/admin/running.hpp"

namespace skerry::admin {
namespace {

void send_answer(const Answer& answer, httplib::Response& response) {
    response.status = answer.status;
    response.set_content(answer.body, answer.type);
}

// A body is read through the content reader alone: httplib's own way to collect it has no limit for
// chunked bodies, and treats forms apart.
bool read_body(const httplib::ContentReader& reader, std::string* body) {
    std::uint64_t size = 0;
    const bool whole = reader([&](const char* data, std::size_t length) {
        size += length;
        if (size > catalog::kMaxArchiveBytes) return false;
        if (body != nullptr) body->append(data, length);
        return true;
    });
    return whole;
}

void set_up(HttpServer& server, Api api, Backend& backend) {
    server.new_task_queue = [] { return new Pool; };
    server.set_payload_max_length(catalog::kMaxArchiveBytes);
    // One request a connection: bytes of a body that nobody read can't become a next request.
    server.set_keep_alive_max_count(1);
    // Calls without a body never reach httplib's routing, whose patterns are regular expressions.
    server.set_pre_routing_handler([api, &backend](const auto& request, auto& response) {
        const bool long_path = request.path.size() > kMaxPathBytes;
        if (!long_path && request.method != "GET" && request.method != "HEAD")
            return httplib::Server::HandlerResponse::Unhandled;
        const std::string method = request.method == "HEAD" ? "GET" : request.method;
        const Call call{method, request.target, [](std::string*) { return true; }};
        send_answer(handle(call, api, backend), response);
        return httplib::Server::HandlerResponse::Handled;
    });
    const httplib::Server::HandlerWithContentReader with_body =
        [api, &backend](const httplib::Request& request, httplib::Response& response,
                        const httplib::ContentReader& reader) {
            if (request.is_multipart_form_data()) {
                (void)reader([](const auto&) { return true; },
                             [](const char*, std::size_t) { return true; });
                return send_answer(error_answer({415,
                                                 "bad-content-type",
                                                 "a form in several parts",
                                                 {"the artifact's bytes as the body"}}),
                                   response);
            }
            const Call call{request.method, request.target,
                            [&](std::string* body) { return read_body(reader, body); }};
            send_answer(handle(call, api, backend), response);
        };
    server.Post(".*", with_body);
    server.Put(".*", with_body);
    server.Patch(".*", with_body);
    server.Delete(".*", with_body);
    server.set_exception_handler([](const auto&, auto& response, std::exception_ptr) {
        send_answer(error_answer({500, "internal", "an exception", {}}), response);
    });
    // What httplib refuses by itself: a request line or header that is malformed or too long.
    server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
        if (!response.body.empty()) return;
        const std::string text = "HTTP status " + std::to_string(response.status);
        send_answer(error_answer({response.status, "bad-request", text, {}}), response);
    });
}

// Removes a socket file that nobody listens on. Anything else in its place is an error.
Status clear_stale(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0)
        return errno == ENOENT ? ok() : Status(errno_error("stat " + path));
    if (!S_ISSOCK(info.st_mode))
        return Error{EEXIST, path +
                                 ": found something that is not a socket; move it away, or choose "
                                 "another admin_socket"};
    UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return errno_error("socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int connected =
        connect(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    // EAGAIN: its backlog is full, so somebody is there.
    if (connected == 0 || errno == EAGAIN)
        return Error{EADDRINUSE, path +
                                     ": another skerryd answers there; stop it, or choose another "
                                     "admin_socket"};
    if (errno != ECONNREFUSED) return errno_error("connect " + path);
    if (unlink(path.c_str()) != 0) return errno_error("unlink " + path);
    return ok();
}

}  // namespace

// Not httplib's default, SO_REUSEPORT, with which a second server would share the port unseen.
void set_tcp_options(int fd) {
    const int yes = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    // Who connects and says nothing does not even take a place among those that wait.
    const int seconds = kHandshakeTimeout_ms / 1000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

Result<std::unique_ptr<Server>> start_admin(const std::string& socket_path, Backend& backend) {
    if (socket_path.empty() || socket_path.size() >= sizeof(sockaddr_un::sun_path))
        return Error{EINVAL, "admin_socket: found a path of " + std::to_string(socket_path.size()) +
                                 " bytes, allowed 1 to 107"};
    if (Status clear = clear_stale(socket_path); !clear) return clear.error();
    auto http = std::make_unique<HttpServer>();
    set_up(*http, Api::admin, backend);
    http->set_address_family(AF_UNIX);
    // The mode is that of the socket before bind(): never open to others, not even for a moment.
    http->set_socket_options([](int fd) { (void)fchmod(fd, 0600); });
    errno = 0;
    if (!http->bind(socket_path, 1)) return errno_error("bind " + socket_path);
    if (chmod(socket_path.c_str(), 0600) != 0) return errno_error("chmod " + socket_path);
    auto running = std::make_unique<Running>(std::move(http));
    running->own(socket_path);
    if (Status started = running->run(); !started) return started.error();
    return std::unique_ptr<Server>(std::move(running));
}

Result<std::unique_ptr<Server>> start_management(const std::string& listen, const Tls& tls,
                                                 Backend& backend, bool for_fleet) {
    auto where = split_host_port(listen);
    if (!where) return Error{EINVAL, "management.listen: " + where.error().text};
    SslContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context) return Error{0, "TLS could not be set up"};
    if (const Status configured = configure_tls(*context, tls); !configured)
        return configured.error();
    auto http = std::make_unique<HttpServer>(std::move(context));
    set_up(*http, for_fleet ? Api::fleet : Api::management, backend);
    http->set_socket_options(set_tcp_options);
    errno = 0;
    if (!http->bind(where->host, where->port)) return errno_error("bind " + listen);
    auto running = std::make_unique<Running>(std::move(http));
    if (Status started = running->run(); !started) return started.error();
    return std::unique_ptr<Server>(std::move(running));
}

}  // namespace skerry::admin
