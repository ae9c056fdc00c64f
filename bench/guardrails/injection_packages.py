"""The packages that the judge of injections is learnt from and measured by, and which of them are alike."""

from typing import Final

PACKAGES: Final = (
    "pyrit==1.1.0", "spikee==0.9.2", "agentdojo==0.1.35", "bastioncorpus==0.6.0", "agent-injection-bench==0.1.0",
    "faker==40.63.0", "prompt-armor==0.9.1", "promptgate==0.5.0", "chatterbot-corpus==1.3.3",
    "blastcontain-drill==0.2.0", "lm-eval==0.4.13", "inspect-evals==0.28.0", "sphinx==9.0.4", "django==5.2.19",
    "pywashi==0.10.1", "washi-md==0.9.3", "apache-superset==6.1.0", "spyder==6.1.8", "awscli==1.46.2",
    "jupyterlab-language-pack-ja-jp==4.5.post3", "llama-index-core==0.14.25", "langchain-classic==1.0.8",
    "camel-ai==0.2.90", "metagpt==0.8.2", "browser-use==0.13.14", "smolagents==1.26.0",
    "aider-chat==0.86.2", "thth==4.5.6", "noveler==0.0.7", "annofabcli==1.144.0", "annoworkcli==3.17.0",
    "hojokin-mcp==0.1.0", "graphica-plot==2.6.0", "pyfltr==3.24.1", "pairvoice==0.14.2", "meisai-checker==0.472.0",
    "pylay==0.5.1", "triage-lens==0.8.0", "agents-docs-sync==0.2.1", "bluelamp-ai==1.4.9", "niwatoko==1.2.41",
    "claude-plus==2.9.3", "scapi==3.2.4", "the-way-of-writing-paper==1.0.0", "inheritance-calculator-core==1.0.0",
    "django-oscar==4.2.1",
)  # fmt: skip
WHOLE: Final = (
    "horizon==27.0.0", "keystone==30.0.0", "nova==34.0.0", "cinder==29.0.0", "neutron==29.0.0",
)  # fmt: skip  # as sources: wheels have no notes on releases
BRIEFED: Final = (
    "llama_index_core", "langchain_classic", "camel_ai", "metagpt", "browser_use", "smolagents", "aider_chat",
    "claude_plus",
)  # fmt: skip
CLOUD: Final = ("keystone", "nova", "cinder", "neutron")
TOOLS: Final = ("thth", "annofabcli", "pyfltr", "meisai_checker", "agents_docs_sync", "scapi")
OTHER_TOOLS: Final = (
    "noveler", "graphica_plot", "pairvoice", "pylay", "triage_lens", "annoworkcli", "claude_plus", "niwatoko",
    "the_way_of_writing_paper", "inheritance_calculator_core",
)  # fmt: skip
DESKTOP: Final = ("sphinx", "apache_superset", "spyder", "jupyterlab_language_pack_ja_jp")
