"""The search page: a Streamlit script and its parts."""
