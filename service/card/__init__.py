"""Model cards: all that a stranger has to know about a trained network, on one page.

Cards are those of Mitchell et al., "Model Cards for Model Reporting" (2019), as far as a service can fill them in: what
only people know, such as what the network is for, they add to the Markdown.
"""
