// RFC 7030 4.4: the server keeps no copy of a key that it made. Here each block
// of the heap is looked at when it is freed.
#include <malloc.h>

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/secret.h"
#include "common/est/server_key.h"
#include "common/est/transfer_encoding.h"
#include "gtest/gtest.h"

namespace bestow::est {
namespace {

// Of the key and of nothing else here.
constexpr unsigned char kKeyOctet = 0xa5;
constexpr std::string_view kInBase64 = "paWlpaWlpaWlpaWl";
constexpr std::string_view kInDer =
    "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5";

const void* volatile g_sink;  // what it gets is not optimized away
bool g_watching = false;
int g_left_behind = 0;

void Look(const void* block) {
  if (!g_watching || block == nullptr) return;
  // Nothing here allocates.
  const std::string_view content(static_cast<const char*>(block),
                                 malloc_usable_size(const_cast<void*>(block)));
  if (content.find(kInBase64) != content.npos ||
      content.find(kInDer) != content.npos) {
    ++g_left_behind;
  }
}

}  // namespace

void LookAndFree(void* block) noexcept {
  Look(block);
  std::free(block);
}

}  // namespace bestow::est

void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return std::calloc(1, size == 0 ? 1 : size);
}
void* operator new(size_t size) {
  void* block = operator new(size, std::nothrow);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void operator delete(void* block) noexcept { bestow::est::LookAndFree(block); }
void operator delete(void* block, size_t) noexcept {
  bestow::est::LookAndFree(block);
}

namespace bestow::est {
namespace {

class Watch {
 public:
  Watch() {
    g_left_behind = 0;
    g_watching = true;
  }
  ~Watch() { g_watching = false; }
};

TEST(ServerKeyCleanseTest, TheWatchSeesWhatIsLeft) {
  {
    const Watch watch;
    const std::string copy(200, static_cast<char>(kKeyOctet));
    g_sink = copy.data();
  }
  EXPECT_GT(g_left_behind, 0);
  {
    const Watch watch;
    const Secret copy(Bytes(200, kKeyOctet));
  }
  EXPECT_EQ(g_left_behind, 0);
}

// Short, one line, and one that is wrapped.
TEST(ServerKeyCleanseTest, NoCopyOfTheKeyIsLeftOnTheHeap) {
  for (size_t key_bytes : {60, 600, 2400}) {
    for (LineWrap wrap : {LineWrap::kAuto, LineWrap::kAlways}) {
      SCOPED_TRACE(key_bytes);
      {
        const Watch watch;
        ServerKeyReply reply;
        reply.key = Secret(Bytes(key_bytes, kKeyOctet));
        reply.certs_only = Bytes(3000, 0x30);
        auto body = SerializeServerKeyReply(reply, wrap);
        ASSERT_TRUE(body.ok()) << body.status();
        auto back = ParseServerKeyReply(body->content_type, body->body);
        ASSERT_TRUE(back.ok()) << back.status();
        EXPECT_EQ(back->key.bytes(), reply.key.bytes());
        // Cut off after the key.
        EXPECT_FALSE(
            ParseServerKeyReply(
                body->content_type,
                std::string_view(body->body).substr(0, body->body.size() - 100))
                .ok());
        // The caller's to do.
        Cleanse(body->body.data(), body->body.size());
      }
      EXPECT_EQ(g_left_behind, 0);
    }
  }
}

}  // namespace
}  // namespace bestow::est
