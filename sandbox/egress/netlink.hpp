// One conversation with the kernel about the interfaces and routes of one network namespace
// (rtnetlink(7)). Internal to sandbox/egress.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "sandbox/base/result.hpp"

namespace skerry::egress {

// A message while it is made. libmnl writes; the buffer is as large as its documentation wants.
class Request {
  public:
    Request(std::uint16_t type, std::uint16_t flags);
    nlmsghdr* header() { return header_; }

    template <typename T>
    T* payload() {
        return static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
    }
    void put(std::uint16_t type, const void* data, std::size_t bytes) {
        mnl_attr_put(header_, type, bytes, data);
    }
    void put_u8(std::uint16_t type, std::uint8_t value) { mnl_attr_put_u8(header_, type, value); }
    void put_u32(std::uint16_t type, std::uint32_t value) {
        mnl_attr_put_u32(header_, type, value);
    }
    void put_text(std::uint16_t type, const char* text) { mnl_attr_put_strz(header_, type, text); }
    nlattr* begin(std::uint16_t type) { return mnl_attr_nest_start(header_, type); }
    void end(nlattr* nest) { mnl_attr_nest_end(header_, nest); }

  private:
    alignas(nlmsghdr) std::array<char, 1024> buffer_{};
    nlmsghdr* header_;
};

class Netlink {
  public:
    Netlink() = default;
    ~Netlink();
    Netlink(const Netlink&) = delete;
    Netlink& operator=(const Netlink&) = delete;

    // In the caller's network namespace of this moment, whatever it enters later. 0, or errno.
    int open();
    // Sends, and hears whether it was done. 0, or errno. The kernel does it within the call: this
    // waits for others who change interfaces anywhere on the machine, and for nobody else.
    // `hear`, with `data`, gets what comes before the word that it is done.
    int ask(Request& request, mnl_cb_t hear = nullptr, void* data = nullptr);
    // Of an interface in the namespace; 0: errno says why there is none.
    std::uint32_t index_of(const char* name) const;
    // Whether packets can be sent through it.
    bool is_up(std::uint32_t index);

  private:
    mnl_socket* socket_ = nullptr;
    std::uint32_t sequence_ = 0;
};

}  // namespace skerry::egress
