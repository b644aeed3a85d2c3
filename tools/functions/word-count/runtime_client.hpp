// A small client of the Lambda Runtime API (2018-06-01) for C++: POSIX sockets and nothing else.
// One connection that is kept, every length said beforehand, no chunks sent.
//
// For one thread. Expected failures are values: nothing throws but std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skerry::functions {

struct Invocation {
    std::string request_id;
    std::string invocation_id;  // names one attempt; empty: the server does not say
    std::string function_arn;
    std::string trace_id;
    long long deadline_ms = 0;  // Unix time; 0: none
    std::string payload;
};

struct HttpAnswer {
    int status = 0;
    std::string head;  // with its status line, without the empty line
    std::string body;

    // The value of a header, whatever its case; empty: it is not there.
    std::string header(std::string_view name) const;
};

class RuntimeClient {
  public:
    // HOST:PORT, an IPv4 address: as AWS_LAMBDA_RUNTIME_API has it.
    explicit RuntimeClient(std::string address) : address_(std::move(address)) {}
    ~RuntimeClient();
    RuntimeClient(const RuntimeClient&) = delete;
    RuntimeClient& operator=(const RuntimeClient&) = delete;

    // Waits as long as it takes. Nothing: the process should end; error() says why.
    std::optional<Invocation> next();

    // True: the server took it, or refused it for good (400, 403, 413: its caller knows). False:
    // the process should end; error() says why.
    bool respond(const Invocation& invocation, std::string_view body);
    // `type` is printable ASCII, as in "Function.BadEvent"; the message any UTF-8.
    bool fail(const Invocation& invocation, std::string_view type, std::string_view message);
    bool fail_initialisation(std::string_view type, std::string_view message);

    const std::string& error() const { return error_; }

  private:
    bool tell(const std::string& path, std::string_view more_headers, std::string_view body);
    std::optional<HttpAnswer> exchange(const std::string& head, std::string_view body);
    bool connect();
    bool send(std::string_view bytes);
    std::optional<HttpAnswer> receive();
    bool receive_more();
    bool take_chunks(std::string& body);
    void close();

    std::string address_;
    std::string error_;
    std::string received_;  // bytes after what was taken
    bool heard_ = false;    // something of the present answer came
    int fd_ = -1;
};

// `text` as a JSON string, quotes included. Bytes that are no UTF-8 stay what they are.
std::string json_string(std::string_view text);

}  // namespace skerry::functions
