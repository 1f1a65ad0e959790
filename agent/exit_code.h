// What every command of bestow-agent ends with.
#ifndef AGENT_EXIT_CODE_H_
#define AGENT_EXIT_CODE_H_

namespace bestow::agent {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitConfigOrState = 3;

}  // namespace bestow::agent

#endif  // AGENT_EXIT_CODE_H_
