/*
 * tls_module.c - a library with thread-local variables, for dlopen.c; built twice, for two TLS models
 *
 * TLS_MODEL "initial-exec": its block must be put into the static TLS of identities that exist already.
 * TLS_MODEL "global-dynamic": its block is allocated on first use.
 */
#ifndef TLS_MODEL
#define TLS_MODEL "initial-exec"
#endif

int *module_value(void);
char *module_zeroes(void);

static __thread int value __attribute__((tls_model(TLS_MODEL))) = 42;
static __thread char zeroes[64] __attribute__((tls_model(TLS_MODEL)));

int *module_value(void)
{
	return &value;
}

char *module_zeroes(void)
{
	return zeroes;
}
