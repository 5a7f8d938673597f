/*
 * names.c - looking up hosts, networks, services, protocols, and the resolver underneath; results into the caller's buffer
 *
 * Any of them may read files, ask a name server, or load a library, under locks of libc's. lookups.c and walks.c have those that
 * answer in static memory.
 */
#define _GNU_SOURCE
#include <aliases.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <resolv.h>
#include <rpc/netdb.h>

#include "interpose.h"

/* the buffer and the result, as all of them take it */
#define BUFFER char *buf, size_t n
#define HOST_OUT struct hostent *out, BUFFER, struct hostent **result, int *err
#define NET_OUT struct netent *out, BUFFER, struct netent **result, int *err

LOCKED(int, getnameinfo, (const struct sockaddr *sa, socklen_t len, char *host, socklen_t hostlen, char *serv,
                          socklen_t servlen, int flags), (sa, len, host, hostlen, serv, servlen, flags))
LOCKED(int, gethostbyname_r, (const char *name, HOST_OUT), (name, out, buf, n, result, err))
LOCKED(int, gethostbyname2_r, (const char *name, int af, HOST_OUT), (name, af, out, buf, n, result, err))
LOCKED(int, gethostbyaddr_r, (const void *addr, socklen_t len, int type, HOST_OUT),
       (addr, len, type, out, buf, n, result, err))
LOCKED(int, getnetbyname_r, (const char *name, NET_OUT), (name, out, buf, n, result, err))
LOCKED(int, getnetbyaddr_r, (uint32_t net, int type, NET_OUT), (net, type, out, buf, n, result, err))
LOCKED(int, getservbyname_r, (const char *name, const char *proto, struct servent *out, BUFFER, struct servent **result),
       (name, proto, out, buf, n, result))
LOCKED(int, getservbyport_r, (int port, const char *proto, struct servent *out, BUFFER, struct servent **result),
       (port, proto, out, buf, n, result))
LOCKED(int, getprotobyname_r, (const char *name, struct protoent *out, BUFFER, struct protoent **result),
       (name, out, buf, n, result))
LOCKED(int, getprotobynumber_r, (int number, struct protoent *out, BUFFER, struct protoent **result),
       (number, out, buf, n, result))
LOCKED(int, getrpcbyname_r, (const char *name, struct rpcent *out, BUFFER, struct rpcent **result),
       (name, out, buf, n, result))
LOCKED(int, getrpcbynumber_r, (int number, struct rpcent *out, BUFFER, struct rpcent **result),
       (number, out, buf, n, result))
LOCKED(int, getaliasbyname_r, (const char *name, struct aliasent *out, BUFFER, struct aliasent **result),
       (name, out, buf, n, result))
LOCKED(int, innetgr, (const char *group, const char *host, const char *user, const char *domain),
       (group, host, user, domain))
LOCKED(int, ether_hostton, (const char *host, struct ether_addr *addr), (host, addr))
LOCKED(int, ether_ntohost, (char *host, const struct ether_addr *addr), (host, addr))


/* --- the resolver ------------------------------------------------------------------------------ */

/* <resolv.h> gives some other names */
#undef res_init
#undef res_ninit
#undef res_nclose
#undef res_query
#undef res_search
#undef res_querydomain
#undef res_mkquery
#undef res_send
#undef res_nquery
#undef res_nsearch
#undef res_nquerydomain
#undef res_nmkquery
#undef res_nsend
int __res_init(void);
int __res_ninit(res_state state);
void __res_nclose(res_state state);

LOCKED(int, __res_init, (void), ())
LOCKED(int, __res_ninit, (res_state state), (state))
LOCKED_VOID(__res_nclose, (res_state state), (state))
LOCKED(int, res_query, (const char *name, int class, int type, unsigned char *out, int n), (name, class, type, out, n))
LOCKED(int, res_search, (const char *name, int class, int type, unsigned char *out, int n), (name, class, type, out, n))
LOCKED(int, res_querydomain, (const char *name, const char *domain, int class, int type, unsigned char *out, int n),
       (name, domain, class, type, out, n))
LOCKED(int, res_mkquery, (int op, const char *name, int class, int type, const unsigned char *data, int len,
                          const unsigned char *more, unsigned char *out, int n),
       (op, name, class, type, data, len, more, out, n))
LOCKED(int, res_send, (const unsigned char *question, int len, unsigned char *out, int n), (question, len, out, n))
LOCKED(int, res_nquery, (res_state state, const char *name, int class, int type, unsigned char *out, int n),
       (state, name, class, type, out, n))
LOCKED(int, res_nsearch, (res_state state, const char *name, int class, int type, unsigned char *out, int n),
       (state, name, class, type, out, n))
LOCKED(int, res_nquerydomain, (res_state state, const char *name, const char *domain, int class, int type,
                               unsigned char *out, int n), (state, name, domain, class, type, out, n))
LOCKED(int, res_nmkquery, (res_state state, int op, const char *name, int class, int type, const unsigned char *data,
                           int len, const unsigned char *more, unsigned char *out, int n),
       (state, op, name, class, type, data, len, more, out, n))
LOCKED(int, res_nsend, (res_state state, const unsigned char *question, int len, unsigned char *out, int n),
       (state, question, len, out, n))

/* --- trusting hosts ---------------------------------------------------------------------------- */

int ruserpass(const char *host, const char **user, const char **password);

LOCKED(int, bindresvport, (int fd, struct sockaddr_in *addr), (fd, addr))
LOCKED(int, ruserok, (const char *host, int root, const char *there, const char *here), (host, root, there, here))
LOCKED(int, ruserok_af, (const char *host, int root, const char *there, const char *here, sa_family_t af),
       (host, root, there, here, af))
LOCKED(int, iruserok, (uint32_t addr, int root, const char *there, const char *here), (addr, root, there, here))
LOCKED(int, iruserok_af, (const void *addr, int root, const char *there, const char *here, sa_family_t af),
       (addr, root, there, here, af))
LOCKED(int, ruserpass, (const char *host, const char **user, const char **password), (host, user, password))
