// SPDX-License-Identifier: Apache-2.0
/* What `processes` executes. */
int main(void)
{
	return 0;
}
